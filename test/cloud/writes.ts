import type { Call } from "./wire/server.ts";

const readVerbs = /^(Describe|Filter|Get|List|Head|Select|Lookup|Simulate|Test|Search|BatchGet)/;

/** Calls with another verb that change nothing a user could see: they make or show credentials and keys. */
const otherReads = new Set(["sts.AssumeRole", "sts.AssumeRoleWithWebIdentity", "acm.ExportCertificate"]);

/** Can the call change nothing? A dry run cannot either. */
export function isRead(call: Pick<Call, "service" | "operation" | "input">): boolean {
  return (
    readVerbs.test(call.operation) ||
    otherReads.has(`${call.service}.${call.operation}`) ||
    (call.service === "ec2" && call.input.DryRun === true)
  );
}
