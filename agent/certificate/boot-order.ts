/** The order a boot makes when nothing usable is stored (DESIGN §10). */
import { type Choice, choose } from "./choose.ts";
import type { CertificateContext } from "./context.ts";
import { type Ordered, order } from "./order.ts";

/** Seconds to wait for another instance's order. */
const WAIT_SECONDS = 420;

/**
 * Orders, or waits for another instance's certificate while that one is ordering.
 * @param patience resolves when the boot is to go on without: the order then continues by itself, and its result is in
 * the bucket for the next check. Never throws for the CA or the bucket.
 */
export async function orderForBoot(
  context: CertificateContext,
  first: Choice,
  patience: () => Promise<void>,
): Promise<{ ordered: Ordered; after: Choice }> {
  const ordering = orderOrWait(context, first);
  const outOfPatience = patience().then(() => undefined);
  const ended = await Promise.race([ordering, outOfPatience]);
  if (ended !== undefined) return ended;
  ordering.catch((error: unknown) =>
    context.logger.warn({ err: error }, "the order of a certificate failed"),
  );
  return { ordered: { outcome: "failed", problem: "the certificate is still being ordered" }, after: first };
}

async function orderOrWait(
  context: CertificateContext,
  first: Choice,
): Promise<{ ordered: Ordered; after: Choice }> {
  const deadline = context.clock.now() + WAIT_SECONDS * 1000;
  let after = first;
  for (;;) {
    const ordered = await order(context, after, true);
    if (ordered.outcome === "issued") return { ordered, after };
    after = await choose(context);
    const waiting = ordered.outcome === "refused" && ordered.reason === "ordering";
    if (!waiting || after.best !== undefined || context.clock.now() >= deadline) return { ordered, after };
    await context.clock.sleep(5_000);
  }
}
