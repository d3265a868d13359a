/** What stands in DNS, and in the site's network, against a site or against its end. */
import type { Mutation } from "../mutation.ts";

const commands = (name: string) => [`test/provisioner/commands/${name}.test.ts`];
const preflight = commands("preflight");
const NAMES = "provisioner/plan/names.ts";

export const names: readonly Mutation[] = [
  {
    name: "CAA records that forbid the authority stand against up",
    file: "provisioner/plan/caa.ts",
    find: "return asked.length > 0 && !asked.some((r) => permits(r.value, authority));",
    replace: "return false;",
    tests: preflight,
  },
  {
    name: "CAA records above the zone count where it has none",
    file: "provisioner/plan/caa.ts",
    find: "values: above };",
    replace: "values: [] };",
    tests: preflight,
  },
  {
    name: "a wildcard has CAA values of its own",
    file: "provisioner/plan/caa.ts",
    find: "wildcard && wild.length > 0 ? wild :",
    replace: "",
    tests: ["test/provisioner/plan/caa.test.ts"],
  },
  {
    name: "a CNAME at the certificate's challenge stands against up",
    file: NAMES,
    find: '.filter((r) => r.type === "CNAME" && names.includes(r.name))',
    replace: ".filter(() => false)",
    tests: preflight,
  },
  {
    name: "a CNAME at the name stands against up",
    file: NAMES,
    find: 'at.filter((r) => r.type === "CNAME")',
    replace: "at.filter(() => false)",
    tests: preflight,
  },
  {
    name: "a name that is delegated away stands against up",
    file: NAMES,
    find: '.filter((r) => r.type === "NS" && below.has(r.name))',
    replace: ".filter(() => false)",
    tests: preflight,
  },
  {
    name: "records with a routing policy stand against up",
    file: NAMES,
    find: "...(routed.length === 0 ? [] : [routedFinding(name, routed)]),",
    replace: "",
    tests: preflight,
  },
  {
    name: "an alias record stands against up",
    file: NAMES,
    find: '.filter((r) => r.type === "A" && r.wire.AliasTarget !== undefined)',
    replace: ".filter(() => false)",
    tests: preflight,
  },
  {
    name: "an AAAA record that leads elsewhere stands against up",
    file: NAMES,
    find: '.filter((r) => r.type === "AAAA")',
    replace: ".filter(() => false)",
    tests: preflight,
  },
  {
    name: "no hint takes a domain's mail offline",
    file: NAMES,
    find: "if (delegation.length === 0) {",
    replace: "if (delegation.length >= 0) {",
    tests: preflight,
  },
  {
    name: "broken DNSSEC is not taken for a zone that no one delegated",
    file: "provisioner/operator/resolver.ts",
    find: 'if (code === "ENOTFOUND" || code === "ENODATA") return [];',
    replace: 'if (code === "ENOTFOUND" || code === "ENODATA" || code === "ESERVFAIL") return [];',
    tests: preflight,
  },
  {
    name: "of two zones of one name the delegated one is the site's",
    file: "provisioner/seen/zone.ts",
    find: "(zones.length > 1 ? await delegatedOf(zones, aws, publicDns) : undefined) ?? zones[0];",
    replace: "zones[0];",
    tests: preflight,
  },
  {
    name: "where no one can tell which of two zones counts, neither is taken",
    file: NAMES,
    find: "if (twins.length === 0) return",
    replace: "if (twins.length >= 0) return",
    tests: preflight,
  },
  {
    name: "records are deleted as they are",
    file: "provisioner/aws/dns.ts",
    find: "ResourceRecordSet: r.wire })),",
    replace:
      "ResourceRecordSet: { Name: r.name, Type: r.type as never, TTL: r.ttl, ResourceRecords: r.values.map((Value) => ({ Value })) } })),",
    tests: commands("down"),
  },
  {
    name: "ports are closed by the ids of their rules",
    file: "provisioner/aws/close-ports.ts",
    find: "SecurityGroupRuleIds: doomed.map((r) => r.id),",
    replace:
      "IpPermissions: doomed.map(({ rule: r }) => ({ IpProtocol: r.protocol, ...(r.protocol === 'tcp' ? { FromPort: r.from, ToPort: r.to } : {}), IpRanges: [{ CidrIp: r.source }] })),",
    tests: commands("up"),
  },
  {
    name: "ports that were to be closed are looked at again",
    file: "provisioner/aws/close-ports.ts",
    find: "if (left.length > 0) {",
    replace: "if (left.length < 0) {",
    tests: commands("up"),
  },
  {
    name: "what of others is in down's way is named",
    file: "provisioner/apply/held.ts",
    find: "if (!found.some((one) => clock.now() - (since.get(one) ?? 0) >= SURE_SECONDS * 1000)) throw error;",
    replace: "throw error;",
    tests: commands("down"),
  },
  {
    name: "down goes on with the rest where something is in its way",
    file: "provisioner/commands/down.ts",
    find: "isHeld(error) && held.push(error) > 0",
    replace: "isHeld(error) && held.push(error) < 0",
    tests: commands("down"),
  },
  {
    name: "credentials that are missing keep the reason",
    file: "provisioner/aws/credentials.ts",
    find: "if (reason !== undefined) this.#reasons.push(reason);",
    replace: "",
    tests: ["test/provisioner/aws/credentials.test.ts"],
  },
  {
    name: "an expired SSO session is reported with its remedy",
    file: "provisioner/aws/credentials.ts",
    find: "if (/sso login|Session token not found or invalid/.test(last)) {",
    replace: "if (/nothing of that kind/.test(last)) {",
    tests: ["test/provisioner/aws/credentials.test.ts"],
  },
];
