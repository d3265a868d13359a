/**
 * What a boot does besides for a site that keeps its state (STATE §5). The order is the only one: site.json by
 * compare-and-swap, the fence in the log, what it fences off brought onto the disk, then the app; and only once that
 * answers the entry from which on its answers count, and the records.
 */
import type { Release } from "../machine/app-steps.ts";
import type { Machine } from "../machine/machine.ts";
import { pauseOf } from "../machine/pause.ts";
import { rehearse } from "../machine/rehearsal.ts";
import { untilSealed } from "../ownership/ask.ts";
import { type Claim, type Claimant, type ClaimContext, takeSite } from "../ownership/claim.ts";
import { claimantOf, claimContext } from "../ownership/claim-context.ts";
import { CLAIM_SECONDS, SEAL_SECONDS } from "../ownership/state-swap.ts";
import type { StateKeeper } from "../ports/state.ts";
import { DEADLINES } from "../record/deadline.ts";
import { type Needs, type Step, type StepContext, step } from "../record/graph.ts";
import type { BootLog } from "../record/recorder.ts";
import type { AppMachine } from "../serving/app.ts";
import { askApp } from "../serving/app-request.ts";
import { ASK_PATH } from "../serving/nginx-config.ts";
import { readDocument } from "../site/document.ts";
import { runningDeploy } from "../site/documents/deploy-state.ts";
import { siteDocument } from "../site/documents/site-state.ts";
import { EverspotError } from "../site/errors.ts";
import { FORWARD_PORT } from "../site/names.ts";
import { Fenced } from "../site/state/errors.ts";
import { jobsStep } from "./jobs-step.ts";
import { servedBy } from "./served.ts";

/** Milliseconds that the one before may take to hear that it is to look. */
const ASK_MS = 2_000;
/** How often an epoch that the log has seen already is passed over. */
const ATTEMPTS = 3;

/** What a boot has before it may claim. */
interface Before {
  launched: Step<Date>;
  release: Step<Release>;
  isolation: Step<AppMachine>;
  secrets: Step<Readonly<Record<string, string>>>;
}

/**
 * The steps between what an app needs and its preparation (ownership/state-swap.ts has them all). Where another instance
 * turns out to have the site, the boot ends there: the data is not here, and nothing may be served without it.
 */
export function stateSteps(
  machine: Machine,
  state: StateKeeper,
  recorder: BootLog,
  { launched, release, isolation, secrets, ...before }: Needs & Before,
) {
  const { config, store, clock } = machine;
  const rehearsal = step(
    { name: "rehearsal", takes: DEADLINES.prepare },
    { ...before, launched, release, isolation, secrets },
    async (got, { detail, signal }) => {
      if ((await servedBy(machine, got.launched)) === undefined) {
        detail("no instance serves, so no visitor waits");
        return undefined;
      }
      const ground = { apps: got.isolation, secrets: got.secrets };
      const done = await rehearse(
        state,
        config,
        ground,
        got.release,
        await pauseOf(machine),
        signal,
        "the copy",
      );
      const writes = done.left?.steps === 0 ? "before_start writes nothing; " : "";
      detail(`${writes}what visitors wait for takes ${done.seconds.toFixed(1)} s on a copy`);
      return done;
    },
    "always",
  );

  const tell = (claim: Claim, { detail, enough }: StepContext): Claim => {
    if (claim.owner) recorder.change({ epoch: claim.epoch });
    else {
      detail(`${claim.by} has the site`);
      enough();
    }
    return claim;
  };
  const jobs = jobsStep(machine, { rehearsal, launched });
  // As late as possible: from here on no other instance can serve.
  const ready = { rehearsal, launched, release, ...(jobs && { jobs }) };
  const claim = step("claim", ready, async (got, context) => {
    const how = await claimContext(machine, context.signal, context.detail);
    return tell(await claimState(state, claimantOf(machine, got.launched, got.release.id), how), context);
  });
  const ask = step(
    { name: "ask", takes: "transfer" },
    { claim, rehearsal },
    async (got, { detail, signal }) => {
      const previous = got.claim.owner ? got.claim.previous : undefined;
      if (previous === undefined || got.rehearsal === undefined) return;
      const where = { host: previous.privateAddress, port: FORWARD_PORT };
      await askApp(where, { path: ASK_PATH, host: config.domain, timeoutMs: ASK_MS, signal });
      const brings = (await runningDeploy(store, clock))?.takes !== undefined;
      // What one that keeps its state has not shipped by then is its loss; one that brings all it has must come to its end.
      const within = brings ? await pauseOf(machine) : SEAL_SECONDS;
      const sealed = await untilSealed(store, previous, got.rehearsal.seq, within, clock, signal);
      if (!sealed && brings) throw notBrought(previous.owner, within);
      detail(sealed ? `${previous.owner} has sealed` : `${previous.owner} did not seal in time`);
    },
  );
  const held = step(
    { name: "state", takes: "transfer" },
    { claim, ask, launched, release },
    async (got, context) => {
      const how = await claimContext(machine, context.signal);
      const me = claimantOf(machine, got.launched, got.release.id);
      const claim = tell(await bringState(state, me, got.claim, how, context), context);
      // A point to go back to, before the release changes anything.
      const before = got.claim.owner ? got.claim.previous?.release : undefined;
      if (claim.owner && before !== undefined && before !== me.release) await state.beginTrial(me.release);
      return claim;
    },
  );
  return { state, rehearsal, jobs, claim, ask, held };
}

const notBrought = (owner: string, seconds: number): EverspotError =>
  new EverspotError(`${owner} did not bring what it has written within ${seconds} s`, {
    retry: "retry",
    hint: "it goes on serving with all of it; deploy again, with a longer --pause where the database or the uploads are large",
  });

/** Claims the site for this instance, with an epoch it can go on with. Ends what keeps the state here if another has it. */
async function claimState(state: StateKeeper, me: Claimant, how: ClaimContext): Promise<Claim> {
  const kept = await state.kept();
  // What was written after this instance's own seal might not count.
  const sealed = kept?.instance === me.instance && kept.sealed ? kept.epoch : 0;
  return claimAbove(state, me, how, sealed);
}

async function claimAbove(
  state: StateKeeper,
  me: Claimant,
  how: ClaimContext,
  above: number,
): Promise<Claim> {
  const claim = await takeSite(me, how, { above, over: CLAIM_SECONDS });
  if (!claim.owner) await state.stop();
  return claim;
}

/**
 * Makes the site's data this instance's, and has it shipped from here on.
 * @returns the claim it is held by; another instance may have turned out to be the owner. @throws EverspotError
 */
async function bringState(
  state: StateKeeper,
  me: Claimant,
  claimed: Claim,
  how: ClaimContext,
  context: Pick<StepContext, "signal" | "warn" | "detail">,
): Promise<Claim> {
  let claim = claimed;
  for (let attempt = 1; claim.owner; attempt++) {
    try {
      context.detail(await bring(state, me, claim.epoch, context));
      return claim;
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      if (attempt === ATTEMPTS) throw new EverspotError(error.message, { retry: "retry", cause: error });
      const { value: site } = await readDocument(how.store, siteDocument);
      if (site !== undefined && site.owner !== me.instance && site.epoch >= error.epoch) {
        throw new EverspotError(`${site.owner} took the site back before this instance was open`, {
          retry: "retry",
          hint: "what comes before `open` took longer than visitors may be held; see the steps, and [state] pause",
        });
      }
      // The log has an owner that site.json no longer knows.
      claim = await claimAbove(state, me, how, error.epoch);
    }
  }
  return claim;
}

/** @returns what was done, for a person. */
async function bring(
  state: StateKeeper,
  { instance, release }: Pick<Claimant, "instance" | "release">,
  epoch: number,
  { signal, warn }: Pick<StepContext, "signal" | "warn">,
): Promise<string> {
  const tried = await state.trial();
  // An agent before this one, or a try before, has not come to its end with it.
  if (tried !== undefined && tried !== release) await state.takeBackTrial(signal);
  const kept = await state.kept();
  const own = kept?.instance === instance ? kept : undefined;
  const done = await (async () => {
    if (own?.epoch === epoch && !own.sealed) return "as this instance left it";
    if (own?.sealed && own.epoch < epoch && (await state.goBack(epoch, signal)).rewound) {
      return "as this instance sealed it";
    }
    const { files, base, entries, troubles } = await state.takeOver(epoch, signal);
    for (const trouble of troubles) warn(trouble);
    const from = base === undefined ? "" : `base ${base} and `;
    return `${files.length === 0 ? "nothing yet" : files.join(", ")}, from ${from}${entries} entries`;
  })();
  await state.start(epoch, signal);
  return `${done}; epoch ${epoch}`;
}

/** From the entry on that this writes, what the app acknowledges counts. @returns who has the site. */
export async function openState(state: StateKeeper, held: Claim): Promise<Claim> {
  if (!held.owner) return held;
  try {
    await state.open();
    await state.endTrial();
    return held;
  } catch (error) {
    if (!(error instanceof Fenced)) throw error;
    await state.stop();
    return { owner: false, by: "a later owner" };
  }
}
