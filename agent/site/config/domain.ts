import { domainToASCII } from "node:url";
import { challengeRecord } from "../names.ts";
import type { Complaint } from "./text.ts";

/** RFC 1035 §2.3.4. */
const MAX_NAME = 253;
/** The certificate's proof is a record of that name. */
const MAX_SERVED = MAX_NAME - challengeRecord("").length;
const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;

/** Undefined when `name` can be the site's domain or an alias: lower case, at least two labels, no trailing dot. */
export function complainAboutDomain(name: string): Complaint | undefined {
  const bare = bareName(name);
  const message = `${JSON.stringify(name)} is not a domain name`;
  if (name !== bare) {
    if (complainAboutDomain(bare) === undefined) return { message, hint: `did you mean "${bare}"?` };
    return { message, hint: 'write it like "www.example.com"' };
  }
  if (name.startsWith("*.")) {
    return {
      message: "a wildcard cannot be served",
      hint: "name each host in aliases; [certificate] wildcard = true covers them all",
    };
  }
  if (name.length > MAX_NAME) return { message: `${message}: longer than ${MAX_NAME} characters` };
  if (name.length > MAX_SERVED) {
    return { message: `${message} that can have a certificate: longer than ${MAX_SERVED} characters` };
  }
  const labels = name.split(".");
  if (labels.length < 2) return { message, hint: 'it needs at least one dot, like "example.com"' };
  if (/^\d+$/.test(labels.at(-1) ?? "")) return { message, hint: "an IP address cannot be used" };
  const wrong = labels.find((label) => !LABEL.test(label));
  if (wrong === undefined) return undefined;
  return { message: `${message}: ${JSON.stringify(wrong)} is not a valid part of one` };
}

/** What was probably meant: without scheme, path, port and trailing dot, in lower-case ASCII (IDNA). */
function bareName(name: string): string {
  const host = name
    .trim()
    .replace(/^[a-z]+:\/\//i, "")
    .replace(/[/:].*$/, "")
    .replace(/\.$/, "");
  if (host.startsWith("*.")) return host;
  return domainToASCII(host) || host.toLowerCase();
}
