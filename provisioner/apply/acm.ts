import type { Clock } from "../../agent/site/clock.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";
import type { Aws } from "../aws/connect.ts";
import { missingRecords } from "../seen/acm.ts";

/** ACM makes the records some seconds after a request. */
const RECORD_SECONDS = 60;
/** Seconds resolvers may keep a validation record; it never changes. */
const RECORD_TTL = 300;
/** "Validation can take up to 30 minutes" (ACM user guide, DNS validation); usually a few. */
const ISSUE_SECONDS = 1800;

/** Puts the validation records into the zone. Safe to repeat. @returns how many there are. */
export async function validate(aws: Aws, arn: string, zone: string, clock: Clock): Promise<string> {
  const records = await poll(
    "the validation records of ACM",
    async () => {
      const { records: made, status } = await aws.certificates.describe(arn);
      return made === undefined ? { waiting: status } : { done: made };
    },
    { seconds: RECORD_SECONDS, everySeconds: 2, clock, hint: "run `everspot up` again" },
  );
  const missing = await missingRecords(aws, zone, records);
  await aws.dns.put(
    zone,
    missing.map((r) => ({ name: r.name, type: r.type, ttl: RECORD_TTL, values: [r.value] })),
  );
  return `${records.length} CNAME${records.length === 1 ? "" : "s"}`;
}

/** @throws EverspotError when ACM will not issue it, or has not after half an hour. */
export async function untilIssued(aws: Aws, arn: string, clock: Clock): Promise<undefined> {
  await poll<true>(
    "ACM issues the certificate",
    async () => {
      const { state, status } = await aws.certificates.describe(arn);
      if (state === "unusable") {
        throw new EverspotError(`ACM did not issue the certificate: ${status}`, {
          resource: arn,
          hint: "CAA_ERROR: the zone's CAA records must allow amazon.com; otherwise run `everspot up` again",
        });
      }
      return state === "issued" ? { done: true } : { waiting: status };
    },
    {
      ...{ seconds: ISSUE_SECONDS, everySeconds: 10, clock },
      hint: "run `everspot up` again to go on waiting; the domain's name servers must be those of the hosted zone",
    },
  );
  return undefined;
}
