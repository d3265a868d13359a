import { FORWARD_PORT } from "../../agent/site/names.ts";

/** What one rule of a security group lets in. `source`: a CIDR block, "self" for the group itself, or another's id. */
export interface Rule {
  protocol: string;
  from: number;
  to: number;
  source: string;
}

const tcp = (port: number, source: string): Rule => ({ protocol: "tcp", from: port, to: port, source });

/** All that may reach an instance: web traffic from anywhere, and what the site's own instances forward. */
export const siteRules: readonly Rule[] = [
  tcp(80, "0.0.0.0/0"),
  tcp(80, "::/0"),
  tcp(443, "0.0.0.0/0"),
  tcp(443, "::/0"),
  tcp(FORWARD_PORT, "self"),
];

/** Rules of `a` that are in `b`. */
export const within = (a: readonly Rule[], b: readonly Rule[]): Rule[] =>
  a.filter((rule) => b.some((other) => same(rule, other)));

/** Rules of `a` that are not in `b`. */
export const without = (a: readonly Rule[], b: readonly Rule[]): Rule[] =>
  a.filter((rule) => !b.some((other) => same(rule, other)));

const same = (a: Rule, b: Rule): boolean =>
  a.protocol === b.protocol && a.from === b.from && a.to === b.to && a.source === b.source;

/** E.g. "tcp 80, 443 from anywhere; tcp 8079 from the site's own instances". */
export function describeRules(rules: readonly Rule[]): string {
  const ports = new Map<string, Set<string>>();
  for (const rule of rules) {
    const from = rule.source === "0.0.0.0/0" || rule.source === "::/0" ? "anywhere" : rule.source;
    const known = ports.get(from) ?? new Set();
    ports.set(from, known.add(portsOf(rule)));
  }
  return [...ports]
    .map(
      ([from, list]) => `${[...list].join(", ")} from ${from === "self" ? "the site's own instances" : from}`,
    )
    .join("; ");
}

function portsOf({ protocol, from, to }: Rule): string {
  if (protocol === "-1") return "everything";
  if (from === -1) return `all ${protocol}`;
  return `${protocol} ${from === to ? from : `${from}–${to}`}`;
}
