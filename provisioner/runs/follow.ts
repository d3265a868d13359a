import type { Clock } from "../../agent/site/clock.ts";
import { readDocument } from "../../agent/site/document.ts";
import { keys } from "../../agent/site/names.ts";
import {
  RUN_ENDS,
  RUN_EXPIRES_SECONDS,
  type RunEnd,
  type RunState,
  stateDocument,
} from "../../agent/site/runs/documents.ts";
import { type Piece, unpackOutput } from "../../agent/site/runs/output.ts";
import type { ObjectStore } from "../../agent/site/store.ts";

const LOOK_MS = 500;
/** Seconds after which it is said what is waited for. */
const TELL_SECONDS = 10;
/** Seconds without a sign of life after which EC2 is asked for the instance, and then again each so many. */
const SILENT_SECONDS = 25;
const ASK_SECONDS = 5;
/** Seconds after which nothing more is expected, whatever EC2 says. */
const LOST_SECONDS = 300;

export interface Following {
  store: ObjectStore;
  clock: Clock;
  /** Whether EC2 has the instance still. */
  alive(instance: string): Promise<boolean>;
  onOutput(piece: Piece): Promise<void>;
  onState(state: RunState): void;
  /** It was not taken up for a while. */
  onWaiting(): void;
  cancel(): Promise<void>;
  /** Aborted: the command is to be cancelled. */
  signal: AbortSignal;
}

/** How it ended. `state`: undefined when no one took it up. */
export interface Followed {
  state: RunState | undefined;
  end: Omit<RunEnd, "parts" | "seconds"> & { seconds: number | undefined };
}

/** Follows a command until its end. What it wrote is passed on before that, in order. */
export async function follow(id: string, to: Following): Promise<Followed> {
  const { store, clock, signal } = to;
  const began = clock.now();
  let state: RunState | undefined;
  let part = 0;
  let heard = began;
  let asked = began;
  let waitingSaid = false;
  let cancelled = false;
  let gone: string | undefined;
  for (;;) {
    if (!cancelled && (signal.aborted || (state === undefined && since(began) > RUN_EXPIRES_SECONDS))) {
      cancelled = true;
      await to.cancel();
    }
    // Read after it was cancelled: whoever takes it up from then on sees that.
    const { value } = await readDocument(store, stateDocument(id));
    if (value !== undefined && value.nonce !== state?.nonce) {
      state = value;
      heard = clock.now();
      to.onState(value);
    }
    while (state !== undefined) {
      const found = await store.get(keys.runOutput(id, part));
      if (found === undefined) break;
      for (const piece of unpackOutput(found.body)) await to.onOutput(piece);
      part++;
      heard = clock.now();
    }
    if (state?.end !== undefined && part >= state.end.parts) return { state, end: state.end };
    if (gone !== undefined) return { state, end: { ...ended("interrupted", gone), seconds: undefined } };
    if (state === undefined) {
      if (cancelled) return { state, end: { ...notBegun(signal.aborted), seconds: undefined } };
      if (!waitingSaid && since(began) > TELL_SECONDS) {
        waitingSaid = true;
        to.onWaiting();
      }
    } else if (since(heard) > SILENT_SECONDS && since(asked) > ASK_SECONDS) {
      asked = clock.now();
      if (since(heard) > LOST_SECONDS)
        gone = `${state.instance} has not been heard from for ${LOST_SECONDS} s`;
      // Its last words may have come meanwhile: they are read once more.
      else if (!(await to.alive(state.instance))) gone = `${state.instance} is gone`;
      if (gone !== undefined) continue;
    }
    await clock.sleep(LOOK_MS, cancelled ? undefined : signal).catch(() => undefined);
  }

  function since(then: number): number {
    return (clock.now() - then) / 1000;
  }
}

const ended = (how: Exclude<RunEnd["how"], "ended">, reason: string) => ({
  how,
  exitCode: RUN_ENDS[how],
  reason,
});

const notBegun = (cancelled: boolean) =>
  cancelled ? ended("cancelled", "before it began") : ended("refused", "no instance took it up");
