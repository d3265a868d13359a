import type { BootRecord } from "../../agent/site/boot-record.ts";
import { LEASE, running } from "../../agent/site/certificate-ledger.ts";
import { type Attempt, ledgerDocument } from "../../agent/site/certificates.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { readDocument } from "../../agent/site/document.ts";
import { readBoot } from "../aws/boot-records.ts";
import type { Aws } from "../aws/connect.ts";

const EVERY_MS = 2_000;
/** From the end of an order to an instance that serves its certificate: it looks every minute. */
const TAKEN_MS = 90_000;

/**
 * Waits while a certificate is being ordered for a site that serves without a trusted one: the order goes on beside a
 * boot that is out of patience, for as long as an order may take.
 * @param names of the certificate.
 * @returns the instance's record once it has a trusted one, or as it is when none is to be expected now.
 */
export async function untilOrdered(
  aws: Pick<Aws, "store">,
  names: readonly string[],
  boot: BootRecord,
  { clock, say }: { clock: Clock; say: (text: string) => void },
): Promise<BootRecord> {
  const end = clock.now() + LEASE + TAKEN_MS;
  let said = false;
  let record = boot;
  while (record.certificate?.source === "self-signed" && clock.now() < end) {
    const { value, date } = await readDocument(aws.store, ledgerDocument(names));
    const attempts = Object.values(value?.directories ?? {}).flat();
    if (!isExpected(attempts, date ?? new Date(clock.now()))) break;
    if (!said) say("  the certificate is still being ordered");
    said = true;
    await clock.sleep(EVERY_MS);
    record = (await readBoot(aws, boot.instance)) ?? record;
  }
  return record;
}

/** Whether an order is under way, or has just ended well. */
function isExpected(attempts: readonly Attempt[], now: Date): boolean {
  if (running(attempts, now) !== undefined) return true;
  const newest = attempts.toSorted((a, b) => a.at.localeCompare(b.at)).at(-1);
  const ended = Date.parse(newest?.ended ?? "");
  return newest?.outcome === "issued" && now.getTime() - ended < TAKEN_MS;
}
