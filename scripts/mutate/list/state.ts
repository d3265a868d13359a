/** A site's state: who may write its log, what counts of it, and what an answer waits for. */
import type { Mutation } from "../mutation.ts";

const entry = ["test/agent/site/state/entry.test.ts"];
const log = ["test/agent/state/log.test.ts"];
const model = ["test/agent/state/model.test.ts"];
const restore = ["test/agent/state/restore.test.ts"];
const rules = ["test/agent/state/rules.test.ts"];
const changes = ["test/agent/state/changes.test.ts"];
const gate = ["test/agent/state/wrapper.test.ts"];

const takeOver = ["test/agent/state/take-over.test.ts"];

const trials: readonly Mutation[] = [
  {
    name: "what a release wrote that never served is taken back",
    file: "agent/state/log/take-served.ts",
    find: "await takeBack(bucket, log, tried.mark);",
    replace: "",
    tests: takeOver,
  },
  {
    name: "an `open` ends a trial",
    file: "agent/site/state/trials.ts",
    find: 'kind === "open" || kind === "rewind"',
    replace: 'kind === "rewind"',
    tests: takeOver,
  },
  {
    name: "a rewind ends a trial",
    file: "agent/site/state/trials.ts",
    find: 'kind === "open" || kind === "rewind"',
    replace: 'kind === "open"',
    tests: takeOver,
  },
  {
    name: "a moment of a trial is what visitors were answered",
    file: "agent/site/state/restore.ts",
    find: "return tried === undefined ? done :",
    replace: "return done.place.seq > 0 ? done :",
    tests: restore,
  },
];

const fence: readonly Mutation[] = [
  {
    name: "a gap below the fence is filled before it is read over",
    file: "agent/state/log/fence-ahead.ts",
    find: "const done = await settle(bucket, logKey(seq), body, patience);",
    replace: "const done = { own: true as boolean, found: undefined as Uint8Array | undefined };",
    tests: model,
  },
  {
    name: "who meets a later owner while it reads stands down",
    file: "agent/state/log/take.ts",
    find: "if (done.place.epoch !== me.epoch)",
    replace: "if (done.place.epoch < me.epoch)",
    tests: model,
  },
  {
    name: "who meets a later owner while it writes stands down",
    file: "agent/state/log/log-writer.ts",
    find: "if (header.epoch > this.me.epoch) throw new Fenced(header.epoch);",
    replace: "",
    tests: log,
  },
  {
    name: "going back looks whether another was open",
    file: "agent/state/log/go-back.ts",
    find: "opened = true;",
    replace: "opened = false;",
    tests: log,
  },
  {
    name: "a PUT whose answer was lost is known by its bytes",
    file: "agent/state/log/settle.ts",
    find: "Buffer.compare(found, body) === 0",
    replace: "found === body",
    tests: log,
  },
  {
    name: "fences are never deleted",
    file: "agent/state/clean.ts",
    find: "entry.seq < oldest && !entry.fence",
    replace: "entry.seq < oldest",
    tests: rules,
  },
];

const counts: readonly Mutation[] = [
  {
    name: "an entry of an owner before does not count",
    file: "agent/site/state/place.ts",
    find: "if (header.epoch < place.epoch) return over;",
    replace: "",
    tests: entry,
  },
  {
    name: "an entry follows what was read before it",
    file: "agent/site/state/place.ts",
    find: "if (header.prev !== place.hash)",
    replace: 'if (header.prev === "")',
    tests: entry,
  },
  {
    name: "what a transaction wrote before its end does not count",
    file: "agent/site/state/restored-files.ts",
    find: "if (frames.unfinished) {",
    replace: "if (frames.unfinished && seq < 0) {",
    tests: restore,
  },
  {
    name: "what was behind a database that has shrunk is gone, though it grew again",
    file: "agent/site/state/pages.ts",
    find: "this.#fewest = Math.min(this.#fewest, pages);",
    replace: "this.#fewest = pages;",
    tests: ["test/agent/site/state/pages.test.ts"],
  },
  {
    name: "what is not as usual is asked of the SDK",
    file: "agent/site/state/plain-get.ts",
    find: "if (response.statusCode === 200) return body;",
    replace: "if (response.statusCode !== 404) return body;",
    tests: ["test/agent/site/state/plain-get.test.ts"],
  },
  {
    name: "a PUT that could not wait puts the next one off by no more than is promised",
    file: "agent/state/pace.ts",
    find: "short: Math.max(0, short - 1)",
    replace: "short: Math.max(-1, short - 1)",
    tests: rules,
  },
  {
    name: "what was taken back does not count",
    file: "agent/site/state/restore.ts",
    find: "if (!seen.counts || isGone(gone, seen.seq)) return undefined;",
    replace: 'if (!seen.counts || (header.kind === "rewind" && isGone(gone, seen.seq))) return undefined;',
    tests: restore,
  },
  {
    name: "what is restored as of a moment says how far that was",
    file: "agent/site/state/restore.ts",
    find: "place: late ? reached : place",
    replace: "place",
    tests: restore,
  },
  {
    name: "a rewind that is taken back takes nothing back",
    file: "agent/site/state/restore.ts",
    find: "[...gone.filter((g) => g.to <= from), { from, to }]",
    replace: "[...gone, { from, to }]",
    tests: restore,
  },
  {
    name: "fences that are left of a cleaned log are no state",
    file: "agent/site/state/restore.ts",
    find: "!late && place.seq < newest",
    replace: "!late && place.seq < 0",
    tests: restore,
  },
  {
    name: "a chunk has the content its name says",
    file: "agent/site/state/chunks.ts",
    find: "if (sha256Of(plain) !== sha256)",
    replace: "if (plain.length === 0)",
    tests: restore,
  },
  {
    name: "frames behind a hole are not counted as shipped",
    file: "agent/state/position.ts",
    find: "from <= position.frame ?",
    replace: "from >= 0 ?",
    tests: rules,
  },
];

const promises: readonly Mutation[] = [
  {
    name: "no one writes over an entry of the log",
    file: "provisioner/wanted/bucket-rules.ts",
    find: 'Null: { "s3:if-none-match": "true" }',
    replace: 'Null: { "s3:if-none-match": "false" }',
    tests: ["test/provisioner/wanted/state-policy.test.ts"],
  },
  {
    name: "a checkpoint fails no transaction that has read",
    file: "agent/state/wrapper/sitecustomize.py",
    find: "!= _BUSY or not",
    replace: "!= 0 or not",
    tests: gate,
  },
  {
    name: "an answer waits for the last commit it may tell of",
    file: "agent/state/wrapper/everspot_state.py",
    find: "return frames <= known_frames",
    replace: "return True",
    tests: gate,
  },
  {
    name: "an answer waits while no shipper is attached",
    file: "agent/state/wrapper/everspot_state.py",
    find: "if inode != index:",
    replace: "if False:",
    tests: gate,
  },
  {
    name: "an answer waits for the uploads that its request has changed",
    file: "agent/state/wrapper/everspot_state.py",
    find: "if uploads >= changed and all(",
    replace: "if all(",
    tests: gate,
  },
  {
    name: "an upload may be written to until the answer is finished",
    file: "agent/state/wrapper/everspot_uploads.py",
    find: "    if mine and mine[0]:\n        return now",
    replace: "    if mine and mine[0]:\n        return 0",
    tests: gate,
  },
  {
    name: "an upload that was written to while it was read is read again",
    file: "agent/state/media/changes.ts",
    find: "if (known.reading) known.since = earlier(known.since, since);",
    replace: "",
    tests: changes,
  },
  {
    name: "a change counts from when it may have been made, not from when it is heard of",
    file: "agent/state/media/changes.ts",
    find: "const first = counts ? since : undefined;",
    replace: "const first = counts ? now : undefined;",
    tests: changes,
  },
];

export const state: readonly Mutation[] = [...fence, ...trials, ...counts, ...promises];
