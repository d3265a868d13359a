/** The log of an exploration: numbers with entries, written by the agent's own code through a bucket made of calls. */
import { EverspotError } from "../../../agent/site/errors.ts";
import type { StateBucket } from "../../../agent/site/state/bucket.ts";
import { decodeEntry, type Entry, encodeEntry, type Header } from "../../../agent/site/state/entry.ts";
import { BASE_PREFIX, baseKey, LOG_PREFIX, logKey, seqOf } from "../../../agent/site/state/keys.ts";
import { BEGINNING, type Place, step } from "../../../agent/site/state/place.ts";
import type { Outcome, Reply } from "../ownership/interleave.ts";

export const AT = "2026-11-26T10:00:00.000Z";
const URL = "s3://site";

export interface World {
  /** By number, from 1; undefined: nothing is there. Base64 of the entry. */
  slots: readonly (string | undefined)[];
  /** What was acknowledged: the data entries, by what they say. */
  acknowledged: readonly string[];
  /** Epochs whose owners have said so. */
  open: readonly number[];
  /** What the newest base holds. */
  base: { place: Place; seen: readonly string[] } | undefined;
  /** Owners acknowledge without having written that they are open: what the rule about it is for. */
  careless?: true;
}

export type WorldCall =
  | { op: "create"; seq: number; body: string }
  | { op: "read" }
  | { op: "remove"; seqs: readonly number[] }
  | { op: "base"; seq: number };

export function decoded(body: string, seq: number): Entry {
  const known = entries.get(body) ?? decodeEntry(Buffer.from(body, "base64"), `${URL}/${logKey(seq)}`);
  entries.set(body, known);
  return known;
}
const entries = new Map<string, Entry>();

/** A data entry says which write it has; here by a name of its upload. */
export const write = (name: string) => ({
  kind: "data" as const,
  media: [{ name, sha256: "0".repeat(64), size: 1 }],
});
export const writeOf = (header: Header): string | undefined =>
  header.kind === "data" ? header.media?.[0]?.name : undefined;

/** What whoever reads the log from the newest base sees, up to the first number without an entry. @throws Damaged */
export function visible(world: World): Visible {
  const key = `${JSON.stringify(world.base)} ${world.slots.join()}`;
  let known = looks.get(key);
  if (known === undefined) {
    known = look(world);
    looks.set(key, known);
  }
  return known;
}
const looks = new Map<string, Visible>();

interface Visible {
  seen: Set<string>;
  place: Place;
  /** Frames of the one write-ahead log. */
  frames: number;
}

function look(world: World): Visible {
  let place = world.base?.place ?? BEGINNING;
  let seen = (world.base?.seen ?? []).map((name) => ({ seq: 0, name }));
  let frames = 0;
  for (let seq = place.seq + 1; ; seq++) {
    const body = world.slots[seq - 1];
    if (body === undefined) break;
    const next = step(place, Buffer.from(body, "base64"), logKey(seq));
    place = next.place;
    if (!next.counts) continue;
    const { header } = next.entry;
    const name = writeOf(header);
    if (name !== undefined) seen.push({ seq, name });
    if (header.kind === "data" && header.frames !== undefined) {
      const { from, to } = header.frames;
      if (from > frames) throw new Error(`not so: no frame is missing between ${frames} and ${from}`);
      frames = Math.max(frames, to);
    }
    if (header.kind === "rewind") seen = seen.filter((one) => one.seq <= header.to);
  }
  return { seen: new Set(seen.map((one) => one.name)), place, frames };
}

/** Of an owner that is open, a write counts as acknowledged once it is there: the answer is on its way. */
function perform(world: World, call: WorldCall): { world: World; value: unknown } {
  switch (call.op) {
    case "read":
      return { world, value: { slots: world.slots, base: world.base } };
    case "remove": {
      const slots = world.slots.map((body, i) => (call.seqs.includes(i + 1) ? undefined : body));
      return { world: { ...world, slots }, value: {} };
    }
    case "base": {
      const { seen, place } = visible({ ...world, slots: world.slots.slice(0, call.seq) });
      return { world: { ...world, base: { place, seen: [...seen].sort() } }, value: {} };
    }
    case "create": {
      const found = world.slots[call.seq - 1];
      if (found !== undefined) return { world, value: { found } };
      const slots = [...world.slots];
      for (let seq = slots.length + 1; seq < call.seq; seq++) slots.push(undefined);
      slots[call.seq - 1] = call.body;
      const { header } = decoded(call.body, call.seq);
      const name = writeOf(header);
      const open = header.kind === "open" ? [...world.open, header.epoch].sort() : world.open;
      const now = { ...world, slots, open };
      const heard = world.careless === true || open.includes(header.epoch);
      if (name === undefined || !heard) return { world: now, value: {} };
      return { world: { ...now, acknowledged: [...world.acknowledged, name].sort() }, value: {} };
    }
  }
}

export function outcomes(world: World, call: WorldCall): Outcome<World>[] {
  const done = perform(world, call);
  const answered = { fate: "answered", state: done.world, reply: { value: done.value } };
  if (call.op !== "create") return [answered];
  const nothing: Reply = { error: { name: "TimeoutError", message: "no answer" } };
  return [
    answered,
    { fate: "reply lost", state: done.world, reply: nothing },
    { fate: "given up before it arrives", state: world, reply: nothing, late: true },
  ];
}

export const keyOf = (world: World): string => JSON.stringify(world);

export const labelOf = (call: WorldCall): string => {
  if (call.op !== "create") return JSON.stringify(call);
  const { header } = decoded(call.body, call.seq);
  return `${header.kind} of ${header.epoch} at ${call.seq}`;
};

/**
 * The bucket of one actor. What stands at a number never changes, so one look at the log answers every read up to the
 * actor's next write: reading number by number could see no other log.
 */
export function bucketOver(ask: (call: WorldCall) => Promise<Reply>): StateBucket {
  let looked: Promise<Pick<World, "slots" | "base">> | undefined;
  const value = async <T>(call: WorldCall): Promise<T> => {
    const reply = await ask(call);
    if ("error" in reply) throw new EverspotError(reply.error.message, { retry: "retry" });
    return reply.value as T;
  };
  const look = () => {
    looked ??= value<Pick<World, "slots" | "base">>({ op: "read" });
    return looked;
  };
  return {
    url: URL,
    async create(key, body) {
      looked = undefined;
      const { found } = await value<{ found?: string }>({
        op: "create",
        seq: seqOf(key) as number,
        body: Buffer.from(body).toString("base64"),
      });
      if (found === undefined) return { won: true, date: AT };
      return { won: false, found: Buffer.from(found, "base64") };
    },
    async get(key) {
      const body = (await look()).slots[(seqOf(key) as number) - 1];
      return body === undefined ? undefined : Buffer.from(body, "base64");
    },
    async list(prefix, after = "") {
      const { slots, base } = await look();
      if (prefix === BASE_PREFIX && base !== undefined) {
        const key = baseKey(base.place.seq);
        const objects = key > after ? [{ key, size: 1, modified: new Date(AT) }] : [];
        return { objects, date: AT };
      }
      if (prefix !== LOG_PREFIX) return { objects: [], date: AT };
      const objects = slots.flatMap((body, i) =>
        body === undefined ? [] : [{ key: logKey(i + 1), size: 1, modified: new Date(AT) }],
      );
      return { objects, date: AT };
    },
    put: async () => {
      throw new Error("the log is never overwritten");
    },
    async remove(keys) {
      looked = undefined;
      await value({ op: "remove", seqs: keys.map((key) => seqOf(key) as number) });
    },
  };
}

/** A log of these entries, the first a fence. */
export function worldOf(heads: readonly HeadOf[], more: Pick<World, "careless"> = {}): World {
  let place = BEGINNING;
  const slots: string[] = [];
  for (const head of heads) {
    const header = {
      format: 1,
      at: AT,
      ...(head.kind !== "fence" && { prev: place.hash }),
      ...head,
    } as Header;
    const bytes = encodeEntry(header);
    place = step(place, bytes, "e").place;
    slots.push(Buffer.from(bytes).toString("base64"));
  }
  const open = heads.filter((head) => head.kind === "open").map((head) => head.epoch);
  const world = { slots, acknowledged: [], open, base: undefined, ...more };
  return { ...world, acknowledged: [...visible(world).seen].sort() };
}
export type HeadOf = { kind: Header["kind"]; epoch: number; instance: string; run: string } & Record<
  string,
  unknown
>;
