/** The life of an agent on its instance: it boots, and then does its duty until it is asked to stop. */
import type { Logger } from "pino";
import { afterBoot } from "../boot/after-boot.ts";
import { type Booted, boot } from "../boot/boot.ts";
import type { Resume } from "../boot/resume.ts";
import { bootSteps } from "../boot/steps.ts";
import { isOrdering } from "../certificate/order.ts";
import { creditDuty } from "../duty/credits.ts";
import { onDuty } from "../duty/on-duty.ts";
import { messageOf } from "../site/errors.ts";
import type { OwnProcess } from "../system/memory.ts";
import type { Agent } from "./compose.ts";

/** A boot that takes longer brings its log into CloudWatch Logs meanwhile; one that does not, once it has served. */
const SILENT_SECONDS = 60;
/** Seconds that the boot record's last write may take when the agent is asked to stop. */
const FLUSH_SECONDS = 3;

/**
 * @param resumed what another process has booted; undefined: this one boots.
 * @param afresh `goOn` ends this process, and begins one that resumes; `stayLean` see there.
 * @throws the signal's reason, once it is aborted and nothing runs any more.
 */
export async function live(
  agent: Agent,
  resumed: Resume | undefined,
  afresh: { goOn(resume: Resume): Promise<void> } & Pick<OwnProcess, "stayLean">,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { machine, recorder } = agent;
  let booting = resumed === undefined;
  const over = new AbortController();
  const until = AbortSignal.any([signal, over.signal]);
  const credits = creditDuty(machine, () => booting, recorder, log, until).catch((error: unknown) => {
    if (!until.aborted) log.warn(`CPU credits: ${messageOf(error)}`);
  });
  const shipping = ship(machine, until);
  if (resumed !== undefined) shipping.begin();
  const handedDown = machine.state?.handDown(until);
  try {
    const booted =
      resumed === undefined
        ? await boot(machine, () => bootSteps(machine, recorder), recorder, log, signal)
        : resume(agent, resumed);
    booting = false;
    if (resumed === undefined && nothingUnderWay(agent, booted)) {
      await recorder.flush(FLUSH_SECONDS);
      const record = recorder.value;
      const { identity, packages } = machine;
      if (record !== undefined) await shipping.end();
      signal.throwIfAborted();
      if (record !== undefined) await afresh.goOn({ identity, booted, record, packages: packages.memory });
    }
    shipping.begin();
    const settled = () => recorder.change({ settled: new Date(machine.clock.now()).toISOString() });
    const settling = afterBoot(machine, booted, log, signal, settled).then(() =>
      afresh.stayLean(machine.clock, signal),
    );
    await Promise.all([settling, onDuty(machine, recorder, booted, log, signal)]);
    signal.throwIfAborted();
  } finally {
    over.abort();
    await Promise.all([credits, handedDown, shipping.end()]);
    await recorder.flush(FLUSH_SECONDS);
    recorder.close();
  }
}

/** Whether this process has nothing under way that a new one would miss. */
const nothingUnderWay = ({ machine }: Agent, { attempt }: Booted): boolean =>
  attempt === 1 && !isOrdering(machine.certificates);

function resume({ machine, recorder }: Agent, { booted, record, packages }: Resume): Booted {
  recorder.resume(record);
  machine.packages.resume(packages);
  return booted;
}

/** The log on its way, from when it is to begin, or has waited long enough. It holds up nothing. */
function ship({ logs, clock }: Agent["machine"], signal: AbortSignal) {
  const [now, over] = [new AbortController(), new AbortController()];
  const until = AbortSignal.any([signal, over.signal]);
  const running = clock
    .sleep(SILENT_SECONDS * 1000, AbortSignal.any([until, now.signal]))
    .catch(() => undefined)
    .then(() => (until.aborted ? undefined : logs.run(until)));
  return {
    begin: () => now.abort(),
    end: () => {
      over.abort();
      return running;
    },
  };
}
