import { type Alert, alertsDocument, cleared, raised, type Turn } from "../site/alerts/alerts.ts";
import type { Clock } from "../site/clock.ts";
import { readDocument, updateDocument } from "../site/document.ts";
import { messageOf } from "../site/errors.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Notice, Notify } from "./notify.ts";

/** Which trouble. `about`: which of several of a kind, such as a job's name. */
export interface Trouble {
  kind: Notice["kind"];
  about?: string | undefined;
}

/** Tells a person of what is wrong for a time: once when it begins, and once when it is over. Never rejects. */
export interface Alerts {
  /** It is wrong now; to be said at every look. @param text one line. @returns whether it was reported. */
  raise(trouble: Trouble, text: string): Promise<boolean>;
  /** It is not wrong, or not any more; to be said at every look. @returns whether that was reported. */
  clear(trouble: Trouble, text: string): Promise<boolean>;
  /** Another instance may have said something since: what is in the bucket is read again. */
  refresh(): void;
}

export interface AlertsOptions {
  store: ObjectStore;
  notify: Notify;
  clock: Clock;
  onTrouble(message: string): void;
}

/**
 * Keeps in the bucket what was reported, for the instances that follow; a look at which nothing changes asks the
 * bucket nothing. Where the bucket cannot be reached, it is reported all the same.
 */
export function createAlerts({ store, notify, clock, onTrouble }: AlertsOptions): Alerts {
  let known: readonly Alert[] | undefined;
  /** Whether what is known could not be written. */
  let unsaved = false;
  let last: Promise<unknown> = Promise.resolve();

  const turn = async (
    next: (list: readonly Alert[], now: number) => Turn | undefined,
    notice: Notice,
  ): Promise<boolean> => {
    known ??= await readDocument(store, alertsDocument).then(
      ({ value }) => value?.alerts ?? [],
      () => undefined,
    );
    if (known !== undefined && next(known, clock.now()) === undefined) return false;
    const { list, tell } = await kept(next, known ?? []);
    known = list;
    if (tell) await notify(notice);
    return tell;
  };

  const kept = async (
    next: (list: readonly Alert[], now: number) => Turn | undefined,
    before: readonly Alert[],
  ): Promise<{ list: readonly Alert[]; tell: boolean }> => {
    let tell = false;
    try {
      const { value, wrote } = await updateDocument(
        store,
        alertsDocument,
        (current, date) => {
          const list = unsaved ? before : (current?.alerts ?? []);
          const turn = next(list, date?.getTime() ?? clock.now());
          tell = turn?.tell ?? false;
          return turn && { version: 1, alerts: turn.alerts };
        },
        clock,
      );
      if (wrote) unsaved = false;
      return { list: value?.alerts ?? [], tell: wrote && tell };
    } catch (error) {
      onTrouble(`alerts.json: ${messageOf(error)}`);
      unsaved = true;
      const turn = next(before, clock.now());
      return { list: turn?.alerts ?? before, tell: turn?.tell ?? false };
    }
  };

  const queued = (work: () => Promise<boolean>): Promise<boolean> => {
    const done = last.then(work).catch((error: unknown) => {
      onTrouble(messageOf(error));
      return false;
    });
    last = done;
    return done;
  };

  return {
    raise: (trouble, text) =>
      queued(() => turn((list, now) => raised(list, trouble, text, now), { kind: trouble.kind, text })),
    clear: (trouble, text) =>
      queued(() =>
        turn((list, now) => cleared(list, trouble, now), { kind: trouble.kind, text, over: true }),
      ),
    refresh: () => {
      if (!unsaved) known = undefined;
    },
  };
}
