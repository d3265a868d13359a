/** The one object of the bucket that instances look at all the time: every other look costs money only when it changed. */
import * as z from "zod/mini";
import { type Clock, systemClock } from "../clock.ts";
import { type DocumentType, updateDocument } from "../document.ts";
import { keys } from "../names.ts";
import type { ObjectStore } from "../store.ts";

/**
 * `bell.json`: written after whatever an instance is to notice soon (an owner, a deploy, a command to be run), only by
 * compare-and-swap. Nothing is believed because of it: it says that there is something to read, and which commands
 * were asked for of late (documents.ts).
 */
const bell = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  runs: z.array(z.strictObject({ id: z.string(), asked: z.iso.datetime() })),
});
type Bell = z.infer<typeof bell>;
export const bellDocument: DocumentType<Bell> = { key: keys.bell, schema: bell };

/** Longer than anybody may take up a command. */
const REMEMBERED_SECONDS = 300;

/** @param run a command that was asked for just now. @throws EverspotError. */
export async function ring(store: ObjectStore, clock: Clock = systemClock, run?: string): Promise<void> {
  await updateDocument(
    store,
    bellDocument,
    (current, date) => {
      const now = date?.getTime() ?? clock.now();
      const recent = (current?.runs ?? []).filter(
        ({ id, asked }) => id !== run && now - Date.parse(asked) < REMEMBERED_SECONDS * 1000,
      );
      const mine = run === undefined ? [] : [{ id: run, asked: new Date(now).toISOString() }];
      return { version: 1, runs: [...recent, ...mine] };
    },
    clock,
  );
}

/**
 * The same for what instances find in any case, only later (agent/watch/bell.ts). Never throws: the role of a deploy that
 * an earlier everspot made may not ring.
 */
export const ringIfAllowed = (store: ObjectStore, clock: Clock): Promise<void> =>
  ring(store, clock).catch(() => undefined);
