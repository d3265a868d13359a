import net from "node:net";
import { escapeName, isName } from "../domain-names.ts";

/** Why a value of a record cannot be, in Route 53's words; undefined when it can. */
export function complaint(type: string, value: string): string | undefined {
  const problem = CHECKS[type];
  if (problem === undefined) return undefined;
  const found = problem(value);
  return found === undefined
    ? undefined
    : `Invalid Resource Record: 'FATAL problem: ${found} encountered with '${value}''`;
}

export const isModelledType = (type: string): boolean => CHECKS[type] !== undefined;

const domainName = (value: string): string | undefined =>
  isName(escapeName(value)) ? undefined : "DomainLabelEmpty (Domain label is empty)";

const CHECKS: Readonly<Record<string, (value: string) => string | undefined>> = {
  A: (v) => (net.isIPv4(v) ? undefined : "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)"),
  AAAA: (v) =>
    net.isIPv6(v) ? undefined : "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)",
  CNAME: domainName,
  NS: domainName,
  PTR: domainName,
  MX: (v) =>
    /^\d{1,5} \S+$/.test(v)
      ? domainName(v.split(" ")[1] ?? "")
      : "MXRRDATANotTwoFields (Record does not have exactly two space-separated values)",
  TXT: text,
  CAA: (v) =>
    /^\d{1,3} (issue|issuewild|iodef|issuemail|issuevmc) "[^"]*"$/.test(v)
      ? undefined
      : 'CAARRDATAIllegalFormat (Value does not have the form: flags tag "value")',
  SOA: (v) =>
    v.split(/\s+/).length === 7 ? undefined : "SOARRDATANotSevenFields (Record does not have seven fields)",
};

function text(value: string): string | undefined {
  const strings = characterStrings(value);
  if (strings === undefined) {
    return "InvalidCharacterString (Value should be enclosed in quotation marks)";
  }
  if (strings.some((s) => s.length > 255)) return "CharacterStringTooLong (Value is too long)";
  return value.length > 4000 ? "CharacterStringTooLong (Value is too long)" : undefined;
}

/**
 * The strings of a TXT value, unquoted: `"a" "b\"c"` is ["a", 'b"c']; `\ooo` is the octet (developer guide, "TXT
 * record type"). Undefined when the value is not quoted strings.
 */
export function characterStrings(value: string): Buffer[] | undefined {
  const pattern = /"((?:[^"\\]|\\[\s\S])*)"/y;
  const found: Buffer[] = [];
  let at = 0;
  while (at < value.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(value);
    if (match === null) return undefined;
    found.push(octets(match[1] ?? ""));
    at = pattern.lastIndex;
    const gap = /^\s+/.exec(value.slice(at))?.[0] ?? "";
    if (gap === "" && at < value.length) return undefined;
    at += gap.length;
  }
  return found.length === 0 ? undefined : found;
}

function octets(quoted: string): Buffer {
  const pieces = quoted.match(/\\[0-7]{3}|\\[\s\S]|[^\\]+/g) ?? [];
  return Buffer.concat(
    pieces.map((piece) => {
      if (/^\\[0-7]{3}$/.test(piece)) return Buffer.from([Number.parseInt(piece.slice(1), 8) & 255]);
      return Buffer.from(piece.startsWith("\\") ? piece.slice(1) : piece, "utf8");
    }),
  );
}
