import { createHash } from "node:crypto";
import { resolve } from "../dns/resolve.ts";
import type { Zones } from "../route53/zones.ts";

export interface ValidationRecord {
  Name: string;
  Type: "CNAME";
  Value: string;
}

/** The wildcard of a name is validated by the record of the name. */
export const validationDomain = (name: string): string => name.replace(/^\*\./, "");

/** Always the same for a name of an account: a record put once validates every later request. */
export function validationRecord(account: string, name: string): ValidationRecord {
  const domain = validationDomain(name);
  const token = (what: string) =>
    createHash("sha256").update(`${what} ${account} ${domain}`).digest("hex").slice(0, 32);
  return {
    Name: `_${token("name")}.${domain}.`,
    Type: "CNAME",
    Value: `_${token("value")}.${token("zone").slice(0, 10)}.acm-validations.aws.`,
  };
}

/** Whether the record can be seen in public DNS. */
export function isValidated(zones: Zones, record: ValidationRecord): boolean {
  const { answers } = resolve(zones, record.Name.replace(/\.$/, ""), "CNAME");
  return answers.some((a) => a.type === "CNAME" && `${a.data}.` === record.Value);
}
