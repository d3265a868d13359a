/** A burstable machine borrows CPU credits while it boots, and stops borrowing when that is paid back. */
import type { Logger } from "pino";
import type { Machine } from "../machine/machine.ts";
import type { CreditMode } from "../ports/credits.ts";
import type { BootLog } from "../record/recorder.ts";
import type { Clock } from "../site/clock.ts";
import { baselineOf, type Credits } from "../site/config/burstable.ts";
import { EverspotError, messageOf } from "../site/errors.ts";

/** Seconds since the machine started after which it borrows no more, whatever it owes: that is charged then. */
const LONGEST = 3600;
/** Seconds of one processor that are in no book of the machine's own: firmware, boot loader, the kernel's first steps. */
const UNSEEN = 10;
/** Seconds between two looks at most, and at least. */
const LOOK = { most: 600, least: 30 };
/** Seconds before the second try, doubled for each further one. */
const RETRY = { first: 30, most: 900 };
/** Seconds that one turn may take: EC2 is asked. */
const PATIENCE = 300;

export interface Account {
  type: string;
  credits: Credits;
  booting: boolean;
  /** Seconds since the machine started. */
  age: number;
  /** Seconds of all its processors together. */
  spent: number;
}

/**
 * Seconds until the machine is to borrow no more: 0 is now. A guess: what it spends meanwhile puts it off. Undefined:
 * it has no credits, or is to go on. Without CloudWatch: a credit is a minute of one processor, earned by the type's
 * baseline (EC2 user guide, "Key concepts for burstable performance instances").
 */
export function secondsToStandard({ type, credits, booting, age, spent }: Account): number | undefined {
  const baseline = baselineOf(type);
  if (baseline === undefined || credits === "unlimited") return undefined;
  if (credits === "standard") return 0;
  const rest = Math.max(0, LONGEST - age);
  if (booting) return rest;
  const perSecond = baseline.vcpus * baseline.share;
  return Math.min(rest, Math.max(0, (spent + UNSEEN) / perSecond - age));
}

/** Returns when the machine borrows no more, or never will; throws the signal's reason. Begins with a pause. */
export async function settleCredits(
  account: () => Account,
  mode: CreditMode,
  tell: (text: string) => void,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 0, pause = LOOK.least; ; ) {
    const left = secondsToStandard(account());
    if (left === undefined) return;
    await clock.sleep(Math.max(pause, Math.min(left, LOOK.most)) * 1000, signal);
    if (secondsToStandard(account()) !== 0) continue;
    try {
      await mode.standard();
      const { age, spent } = account();
      tell(
        `CPU credits are standard from here on, ${Math.round(age)} s after the start: ${spent.toFixed(0)} s of processor time spent`,
      );
      return;
    } catch (error) {
      signal.throwIfAborted();
      const hint = error instanceof EverspotError ? error.hint : undefined;
      log.warn({ hint }, messageOf(error));
      if (error instanceof EverspotError && error.retry !== "retry") return;
      pause = Math.min(RETRY.most, RETRY.first * 2 ** tries++);
    }
  }
}

/** For this machine, from its boot on. */
export async function creditDuty(
  machine: Machine,
  booting: () => boolean,
  recorder: Pick<BootLog, "event">,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { config, identity, rounds } = machine;
  const member = rounds.join("CPU credits", PATIENCE);
  const account = (): Account => ({
    ...{ type: identity.type, credits: config.fleet.credits, booting: booting() },
    ...{ age: machine.processor.age(), spent: machine.processor.time().busy },
  });
  const tell = (text: string): void => {
    log.info(text);
    recorder.event(text);
  };
  try {
    await settleCredits(account, machine.creditMode, tell, member.on(machine.clock), log, signal);
  } finally {
    member.leave();
  }
}
