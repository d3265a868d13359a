import type { ServedCertificate } from "../certificate/context.ts";
import type { Machine } from "../machine/machine.ts";
import type { StepContext } from "../record/graph.ts";
import type { BootLog } from "../record/recorder.ts";
import { poll } from "../site/poll.ts";

/** nginx's old workers may answer for a moment after a reload. */
const SHOWN_SECONDS = 10;

export function tellCertificate(
  recorder: BootLog,
  { warn, detail }: StepContext,
  served: ServedCertificate,
): ServedCertificate {
  const { source, issuer, notAfter, waits, warnings } = served;
  for (const warning of warnings) warn(warning);
  detail(
    waits === true
      ? "none yet: the first is ordered once the app answers"
      : `${source}, from ${issuer}, until ${notAfter.toISOString()}`,
  );
  recorder.certificate(served);
  return served;
}

/**
 * Orders the first certificate of a site, now that its app is known to work, and has nginx serve it. Without an order
 * that waits, what nginx serves stays.
 */
export async function firstCertificate(
  { host, clock, certificate }: Machine,
  recorder: BootLog,
  now: ServedCertificate,
  context: StepContext,
): Promise<ServedCertificate> {
  if (now.waits !== true) return now;
  const served = tellCertificate(recorder, context, await certificate("now"));
  if (!served.changed) return served;
  await host.open(served);
  await poll(
    "nginx to show the certificate",
    async () => {
      const shown = await host.servedSerial().catch(() => "none");
      return shown === served.serial ? { done: true } : { waiting: shown };
    },
    { seconds: SHOWN_SECONDS, everySeconds: 0.1, clock, signal: context.signal },
  );
  return served;
}
