/** Who writes the log in an exploration: the agent's own code, and what it would do with a rule left out. */
import type { Found, StateBucket } from "../../../agent/site/state/bucket.ts";
import { decodeEntry, encodeEntry } from "../../../agent/site/state/entry.ts";
import { Fenced } from "../../../agent/site/state/errors.ts";
import { seqOf } from "../../../agent/site/state/keys.ts";
import { BEGINNING, type Place } from "../../../agent/site/state/place.ts";
import { readLog } from "../../../agent/site/state/read-log.ts";
import { rubbish } from "../../../agent/state/clean.ts";
import type { Writer } from "../../../agent/state/log/fence-ahead.ts";
import { goBack } from "../../../agent/state/log/go-back.ts";
import { LogWriter } from "../../../agent/state/log/log-writer.ts";
import { takeLog } from "../../../agent/state/log/take.ts";
import { counted } from "../../../agent/state/position.ts";
import type { Actor, Reply } from "../ownership/interleave.ts";
import { AT, bucketOver, decoded, type World, type WorldCall, write } from "./world.ts";

const clock = { now: () => Date.parse(AT), sleep: async () => {} };
/** Two numbers at once show what sixteen do. */
const patience = { clock, ahead: 2 };

export const writer = (epoch: number, run = epoch): Writer => ({
  epoch,
  instance: `i-${epoch}`,
  run: String(run).padStart(16, "0"),
});

/** What an actor's bucket does differently: as if the agent had left a rule out. */
export type Bend = (bucket: StateBucket, me: Writer) => StateBucket;
export const straight: Bend = (bucket) => bucket;

type Ask = (call: WorldCall) => Promise<Reply>;

const actor =
  (me: Writer, bend: Bend, run: (bucket: StateBucket, ask: Ask) => Promise<unknown>): Actor<WorldCall> =>
  async (ask) => {
    try {
      return await run(bend(bucketOver(ask), me), ask);
    } catch (error) {
      if (error instanceof Fenced) return "stood down";
      throw error;
    }
  };

async function writeOn(bucket: StateBucket, me: Writer, place: Place, names: readonly string[]) {
  const log = new LogWriter(bucket, me, place, patience);
  await log.append({ kind: "open" });
  for (const name of names) await log.append(write(name));
  return "wrote";
}

/** An owner that writes as fast as it can, whatever happens to the site. */
export const writing = (me: Writer, place: Place, names: readonly string[], bend = straight) =>
  actor(me, bend, async (bucket) => {
    const log = new LogWriter(bucket, me, place, patience);
    for (const name of names) await log.append(write(name));
    return "wrote";
  });

const take = (bucket: StateBucket, me: Writer) =>
  takeLog(bucket, me, async (options) => ({ place: await readLog(bucket, BEGINNING, options) }), patience);

export const taking = (me: Writer, names: readonly string[], bend = straight) =>
  actor(me, bend, async (bucket) => writeOn(bucket, me, (await take(bucket, me)).place, names));

/** The sealed owner: it may think at any time that the other one has failed. */
export const goingBack = (me: Writer, sealed: Place, names: readonly string[], bend = straight) =>
  actor(me, bend, async (bucket) =>
    writeOn(bucket, me, (await goBack(bucket, me, sealed, patience)).place, names),
  );

/** The same, if it did not look for an `open` behind its fence. */
export const goingBackBlindly = (me: Writer, sealed: Place, names: readonly string[]) =>
  actor(me, straight, async (bucket) => {
    const log = new LogWriter(bucket, me, (await take(bucket, me)).place, patience);
    await log.append({ kind: "rewind", to: sealed.seq });
    return writeOn(bucket, me, log.place, names);
  });

const SALT = "00000000000000aa";
const frames = (from: number, to: number) => ({ file: "db", page: 512, salt: SALT, from, to });

/** An owner whose shipper dies at the first trouble, with its PUT under way, and starts again. */
export const restarting = (me: Writer, place: Place, commits: number, bend = straight) =>
  actor(me, bend, async (bucket) => {
    const died = new AbortController();
    const first = new LogWriter(bucket, { ...me, run: "00000000000000f1" }, place, {
      clock,
      signal: died.signal,
      onTrouble: () => died.abort(new Error("died")),
    });
    await first.append({ kind: "data", frames: frames(0, 1) }).catch(() => undefined);
    let position: ReturnType<typeof counted> = { salt: SALT, frame: 0 };
    const end = await readLog(bucket, place, {
      onEntry: ({ entry: { header }, counts }) => {
        if (counts && header.kind === "data" && header.frames) position = counted(position, header.frames);
        return undefined;
      },
    });
    const second = new LogWriter(bucket, { ...me, run: "00000000000000f2" }, end, patience);
    while (position !== undefined && position.frame < commits) {
      const next = { kind: "data" as const, frames: frames(position.frame, commits) };
      const { late } = await second.append(next);
      const there = late?.header.kind === "data" ? late.header.frames : next.frames;
      if (there !== undefined) position = counted(position, there);
    }
    return position?.frame;
  });

/** A new owner that publishes two bases and deletes what no one needs. */
export const cleaning = (me: Writer, { fences = true } = {}) =>
  actor(me, straight, async (bucket, ask) => {
    const place = (await take(bucket, me)).place;
    const log = new LogWriter(bucket, me, place, patience);
    await log.append({ kind: "open" });
    return (await cleanUp(log, ask, ["2a", "2b"], fences)).length;
  });

/** Writes, with a base after each write, and removes all that none of the bases needs. @returns what went. */
export async function cleanUp(
  log: LogWriter,
  ask: (call: WorldCall) => Promise<Reply>,
  names: readonly string[],
  fences: boolean,
): Promise<number[]> {
  const bases: { seq: number; at: number; chunks: []; counts: boolean }[] = [];
  for (const name of names) {
    const { seq } = await log.append(write(name));
    await ask({ op: "base", seq });
    bases.push({ seq, at: bases.length, chunks: [], counts: true });
  }
  const { value } = (await ask({ op: "read" })) as { value: Pick<World, "slots"> };
  const entries = value.slots.flatMap((body, i) =>
    body === undefined ? [] : [{ seq: i + 1, fence: fences && decoded(body, i + 1).header.kind === "fence" }],
  );
  const { entries: gone } = rubbish({ bases, entries, chunks: [] }, 1_000, 0);
  await ask({ op: "remove", seqs: gone });
  return gone;
}

/** Rules left out, as what an agent without them would take the bucket to say. */
export const bends = {
  /** It goes on past a number without an entry, instead of putting its fence there. */
  "a gap is not filled": (bucket) => {
    let reading = false;
    return {
      ...bucket,
      get: (key) => {
        reading = true;
        return bucket.get(key);
      },
      create: async (key, body) =>
        reading && kindOf(body) === "fence" ? { won: true, date: AT } : bucket.create(key, body),
    };
  },
  "a later owner above the own fence is not looked for": (bucket, me) => {
    let lowest = Number.POSITIVE_INFINITY;
    return {
      ...bucket,
      async create(key, body) {
        const done = await bucket.create(key, body);
        if (done.won && kindOf(body) === "fence") lowest = Math.min(lowest, seqOf(key) as number);
        return done.won ? done : { won: false, found: lowered(done.found, me) };
      },
      async get(key) {
        const found = await bucket.get(key);
        return (seqOf(key) as number) > lowest ? lowered(found, me) : found;
      },
    };
  },
  "who meets a later owner goes on writing": (bucket, me) => ({
    ...bucket,
    async create(key, body) {
      const done = await bucket.create(key, body);
      return done.won || kindOf(body) === "fence" ? done : { won: false, found: lowered(done.found, me) };
    },
  }),
  "a number of the fence that got no answer is taken for lost": (bucket, me) => ({
    ...bucket,
    create: (key, body) =>
      bucket.create(key, body).catch((error: unknown) => {
        if (kindOf(body) !== "fence") throw error;
        return { won: false as const, found: old(me) };
      }),
  }),
  "an own entry that came late is taken for a fence": (bucket, me) => ({
    ...bucket,
    async create(key, body) {
      const done = await bucket.create(key, body);
      if (done.won || done.found === undefined || Buffer.compare(done.found, body) === 0) return done;
      const { header } = decodeEntry(done.found, key);
      if (header.epoch !== me.epoch) return done;
      return {
        won: false,
        found: encodeEntry({ format: 1, kind: "fence", ...writer(me.epoch + 1), at: AT }),
      };
    },
  }),
} satisfies Record<string, Bend>;

const kindOf = (body: Uint8Array) => decodeEntry(body, "entry").header.kind;
const old = (me: Writer) =>
  encodeEntry({ format: 1, kind: "fence", ...writer(Math.max(1, me.epoch - 1)), at: AT });

/** What is of a higher epoch, as if it were of an earlier one. */
function lowered(found: Found, me: Writer): Found {
  if (found === undefined || decodeEntry(found, "entry").header.epoch <= me.epoch) return found;
  return old(me);
}
