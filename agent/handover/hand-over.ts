import type { Machine } from "../machine/machine.ts";
import { pauseOf } from "../machine/pause.ts";
import { type Claim, type Claimant, publishSite, takeSite } from "../ownership/claim.ts";
import { claimContext } from "../ownership/claim-context.ts";
import type { StateKeeper } from "../ports/state.ts";
import { StateTurn, type TurnGround } from "./state-turn.ts";
import type { Tasks } from "./tasks.ts";

/** Seconds between two looks at the one that takes the site over, while visitors wait; and afterwards. */
const TURN_SECONDS = 0.1;
const TAKE_BACK_SECONDS = 5;

export interface HandOver {
  machine: Machine;
  state: StateKeeper;
  ground: TurnGround;
  me: Claimant;
  leaving: boolean;
  tell(what: string): void;
  /** Requests go to the one that has the site. */
  passedOn(): void;
  /** The site is this instance's again, with records of this TTL. */
  owns(epoch: number, ttl: number): void;
}

/** A site with state passes to another instance, or comes back: until the signal is aborted, or it is this one's again. */
export function handOver({ machine, me, ...rest }: HandOver, tasks: Tasks, signal: AbortSignal): void {
  const { store, peers, clock } = machine;
  const turn = new StateTurn({
    ...{ store, peers, clock, instance: me.instance, state: rest.state, ground: rest.ground },
    pause: () => pauseOf(machine),
    leaving: () => rest.leaving,
    take: async (how, until) => takeSite(me, await claimContext(machine, until), how),
    onStep: (step) => rest.tell(`hand-over: ${step}`),
  });
  const own = async (claim: Extract<Claim, { owner: true }>): Promise<void> => {
    const context = await claimContext(machine, signal);
    const published = await publishSite(me, claim, context);
    if (published.owner) rest.owns(published.epoch, context.ttl);
  };
  tasks.every(TURN_SECONDS, "handing over", signal, async () => {
    const done = await turn.yields(signal);
    if (done === "wait") return true;
    if (done !== "passed on") {
      await own(done);
      return false;
    }
    rest.passedOn();
    tasks.every(TAKE_BACK_SECONDS, "taking the site back", signal, async () => {
      const claim = await turn.takesBack(signal);
      if (claim === undefined) return true;
      await own(claim);
      return false;
    });
    return false;
  });
}
