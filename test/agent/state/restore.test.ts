import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { frame } from "../../../agent/site/state/frames.ts";
import { baseKey, chunkKey, logKey } from "../../../agent/site/state/keys.ts";
import { type RestoreOptions, restore } from "../../../agent/site/state/restore.ts";
import { publishBase } from "../../../agent/state/base-writer.ts";
import { LogWriter } from "../../../agent/state/log/log-writer.ts";
import { takeOver } from "../../../agent/state/take-over.ts";
import { type LocalState, own, patience, startState, writer } from "./local.ts";

const PAGE = 512;
const FILE = "db.sqlite3";

let local: LocalState;
let folder: string;
beforeAll(async () => {
  local = await startState();
});
beforeEach(async () => {
  await local.next();
  folder = await mkdtemp(path.join(tmpdir(), "everspot-restore-"));
});
afterEach(() => rm(folder, { recursive: true }));
afterAll(async () => {
  expect(local.server.faults).toEqual([]);
  await local.close();
});

const page = (letter: string) => Buffer.alloc(PAGE, letter);
let frames = 0;
/** One transaction: pages by number, and how many there are after it. */
const commit = (log: LogWriter, pages: Record<number, string>, size: number, unfinished?: true) => {
  const list = Object.entries(pages);
  const body = list.map(([n, letter], i) =>
    frame(Number(n), page(letter), i === list.length - 1 && !unfinished ? size : 0),
  );
  const from = frames;
  frames += list.length;
  const salt = "00000000000000aa";
  return log.append(
    {
      kind: "data",
      frames: { file: FILE, page: PAGE, salt, from, to: frames, ...(unfinished && { unfinished }) },
    },
    Buffer.concat(body),
  );
};
/** The restored database, one letter a page. */
const restored = async (options?: RestoreOptions) => {
  const done = await restore(local.bucket, folder, options);
  const bytes = await readFile(path.join(folder, FILE));
  const letters = Array.from({ length: bytes.length / PAGE }, (_, i) =>
    String.fromCharCode(bytes[i * PAGE] ?? 0),
  );
  return { ...done, text: letters.join("") };
};
/** A base as of where the log is now, of a database with these pages. */
const base = async (log: LogWriter, letters: string) => {
  const file = path.join(folder, "now");
  await writeFile(file, Buffer.concat([...letters].map(page)));
  const handle = await open(file);
  const source = { file: FILE, path: file, descriptor: handle.fd, page: PAGE };
  const media = new Map([["a.jpg", { sha256: "1".repeat(64), size: 5 }]]);
  return publishBase(local.bucket, log.place, [source], media, new Set(), patience).finally(() =>
    handle.close(),
  );
};

describe("a database is restored", () => {
  test("from the log alone: the last content of each page, and the last size", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a", 2: "b", 3: "c" }, 3);
    await commit(log, { 2: "B" }, 3);
    await commit(log, { 1: "A" }, 2);
    expect(await restored()).toMatchObject({ text: "AB", base: undefined, files: [FILE] });
  });

  test("from a base and what came after it, uploads too", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a", 2: "b" }, 2);
    await base(log, "ab");
    await commit(log, { 2: "B" }, 2);
    await log.append({ kind: "data", media: [{ name: "b.jpg", sha256: "2".repeat(64), size: 7 }] });
    await log.append({ kind: "data", media: [{ name: "a.jpg" }] });
    const done = await restored();
    expect(done).toMatchObject({ text: "aB", base: log.place.seq - 3, entries: 3 });
    expect([...done.media.keys()]).toEqual(["b.jpg"]);
    expect((await readdir(folder)).sort()).toEqual([FILE, "now"]);
  });

  test("with what a copy has already: only what is another one there is read from the bucket", async () => {
    const log = await own(local.bucket, writer(1));
    const like = path.join(folder, "like");
    await mkdir(like);
    // Two chunks; of the second the copy has something else.
    const letters = "a".repeat(512) + "b".repeat(512);
    await commit(log, { 1: "a" }, 1);
    await base(log, letters);
    await writeFile(path.join(like, FILE), Buffer.concat([..."a".repeat(512), ..."c".repeat(512)].map(page)));
    const calls = local.server.calls.length;
    const chunks = () =>
      local.server.calls.slice(calls).filter(({ input }) => String(input.Key).startsWith("state/chunks/"))
        .length;
    expect((await restored({ like })).text).toBe(letters);
    expect(chunks()).toBe(1);
    expect((await restored({ like: path.join(folder, "none") })).text).toBe(letters);
    expect(chunks()).toBe(3);
  });

  test("without what a transaction wrote before its end, unless that came", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a", 2: "b" }, 2);
    await commit(log, { 1: "X" }, 2, true);
    await commit(log, { 2: "Y" }, 2, true);
    expect((await restored()).text).toBe("ab");
    const { place } = await restore(local.bucket, folder);
    expect(place).toEqual(log.place);
    await commit(log, { 3: "Z" }, 3);
    expect((await restored()).text).toBe("XYZ");
  });

  test("each entry is read once, the parts of a transaction too", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a", 2: "b" }, 2);
    await base(log, "ab");
    await commit(log, { 1: "X" }, 2, true);
    await commit(log, { 2: "Y" }, 2);
    const asked: string[] = [];
    const get = (key: string) => {
      asked.push(key);
      return local.bucket.get(key);
    };
    expect(await restore({ ...local.bucket, get }, folder)).toMatchObject({ entries: 2 });
    expect(await readFile(path.join(folder, FILE), "latin1")).toBe("X".repeat(PAGE) + "Y".repeat(PAGE));
    expect(new Set(asked).size).toBe(asked.length);
  });

  test("entries are on their way while the base's content comes", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    const made = await base(log, "a");
    await commit(log, { 1: "b" }, 1);
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const get = async (key: string) => {
      if (key === logKey(made.seq + 1)) begin();
      if (key.startsWith("state/chunks/")) await begun;
      return local.bucket.get(key);
    };
    await restore({ ...local.bucket, get }, folder, { last: log.place.seq });
    expect(await readFile(path.join(folder, FILE), "latin1")).toBe("b".repeat(PAGE));
  });

  test("with eight megabytes of entries under way at most", async () => {
    const log = await own(local.bucket, writer(1));
    await base(log, "a");
    const pages = Buffer.concat(Array.from({ length: 16 }, (_, i) => frame(i + 1, randomBytes(65_536), 16)));
    const of = { file: FILE, page: 65_536, salt: "00000000000000aa" };
    for (let i = 0; i < 12; i++)
      await log.append({ kind: "data", frames: { ...of, from: 16 * i, to: 16 * (i + 1) } }, pages);
    let most = 0;
    let underWay = 0;
    const get = async (key: string) => {
      most = Math.max(most, ++underWay);
      return local.bucket.get(key).finally(() => underWay--);
    };
    await restore({ ...local.bucket, get }, folder, { last: log.place.seq });
    expect(most).toBeLessThanOrEqual(8);
    expect((await readFile(path.join(folder, FILE))).length).toBe(16 * 65_536);
  });

  test("without the beginning of a transaction whose owner was followed by another", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    await commit(log, { 1: "X" }, 1, true);
    const next = await own(local.bucket, writer(2));
    frames = 0;
    await commit(next, { 2: "b" }, 2);
    expect((await restored()).text).toBe("ab");
  });

  test("as of a moment, or of an entry", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    const first = log.place;
    await commit(log, { 1: "b" }, 1);
    await base(log, "b");
    expect((await restored({ last: first.seq })).text).toBe("a");
    expect((await restored({ until: first.at })).text).toBe(first.at < log.place.at ? "a" : "b");
  });
});

test("as of a moment: up to the last entry that is not later, and that is the place it says", async () => {
  let now = Date.now() + 3_600_000;
  const clock = { now: () => now, sleep: async () => {} };
  const log = new LogWriter(local.bucket, writer(1), (await own(local.bucket, writer(1))).place, { clock });
  await commit(log, { 1: "a" }, 1);
  now += 10_000;
  await commit(log, { 1: "b" }, 1);
  const then = log.place;
  now += 30_000;
  await commit(log, { 1: "c" }, 1);
  const until = new Date(Date.parse(then.at) + 5_000).toISOString();
  expect(await restored({ until })).toMatchObject({ text: "b", place: then });
  expect(await restored({ until: then.at })).toMatchObject({ text: "b", place: then });
});

test("a read that gets no answer is made again: nothing is begun again for it", async () => {
  const log = await own(local.bucket, writer(1));
  await commit(log, { 1: "a" }, 1);
  await commit(log, { 1: "b" }, 1);
  for (const nth of [2, 3]) local.server.disturb("s3", "GetObject", { loseRequest: true }, nth);
  const before = local.server.calls.length;
  expect((await restored()).text).toBe("b");
  const asked = local.server.calls.slice(before).filter(({ operation }) => operation === "ListObjectsV2");
  expect(asked).toHaveLength(1);
});

test("of a moment at which a release was tried it is what visitors were answered: what was there before", async () => {
  let now = Date.now() + 3_600_000;
  const clock = { now: () => now, sleep: async () => {} };
  const log = new LogWriter(local.bucket, writer(1), (await own(local.bucket, writer(1))).place, { clock });
  await commit(log, { 1: "a" }, 1);
  const { seq } = await log.append({ kind: "mark", name: "before r2" });
  now += 10_000;
  await commit(log, { 1: "b" }, 1);
  const until = log.place.at;
  now += 30_000;
  await log.append({ kind: "open" });
  expect(await restored({ until })).toMatchObject({ text: "a", place: { seq } });
  expect((await restored({ until: log.place.at })).text).toBe("b");
});

describe("a rewind", () => {
  test("takes back what came after an entry, and the chain goes on", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    const { seq } = await log.append({ kind: "mark", name: "before" });
    await commit(log, { 1: "b", 2: "b" }, 2);
    await log.append({ kind: "rewind", to: seq });
    expect((await restored()).text).toBe("a");
    await commit(log, { 2: "c" }, 2);
    expect((await restored()).text).toBe("ac");
  });

  test("takes back a base that lies in between", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    await base(log, "a");
    const { seq } = await log.append({ kind: "mark", name: "before" });
    await commit(log, { 1: "b" }, 1);
    await base(log, "b");
    await log.append({ kind: "rewind", to: seq });
    await commit(log, { 2: "c" }, 2);
    expect(await restored()).toMatchObject({ text: "ac", base: seq - 1 });
  });
});

describe("a rewind that is taken back", () => {
  const twice = async (bases: boolean) => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    if (bases) await base(log, "a");
    const { seq: first } = await log.append({ kind: "mark", name: "first" });
    await commit(log, { 1: "b", 2: "b" }, 2);
    if (bases) await base(log, "bb");
    const { seq: second } = await log.append({ kind: "mark", name: "second" });
    await log.append({ kind: "rewind", to: first });
    await commit(log, { 2: "x" }, 2);
    if (bases) await base(log, "ax");
    await log.append({ kind: "rewind", to: second });
    return log;
  };
  test.each([true, false])("takes nothing back (with bases: %s)", async (bases) => {
    const log = await twice(bases);
    expect((await restored()).text).toBe("bb");
    await commit(log, { 1: "c" }, 2);
    expect((await restored()).text).toBe("cb");
  });
  test("at the moment between, it still does", async () => {
    const log = await twice(false);
    expect((await restored({ last: log.place.seq - 1 })).text).toBe("ax");
  });
});

describe("the base before is taken when the newest one", () => {
  const two = async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a", 2: "b" }, 2);
    const first = await base(log, "ab");
    await commit(log, { 2: "c" }, 2);
    const second = await base(log, "ac");
    await commit(log, { 3: "d" }, 3);
    return { first, second };
  };
  type Two = Awaited<ReturnType<typeof two>>;
  test.each<[string, (bases: Two) => Promise<void>]>([
    ["has a chunk less", ({ second }) => local.bucket.remove([chunkKey(second.files[0]?.chunks[0] ?? "")])],
    [
      "has a damaged chunk",
      ({ second }) => local.bucket.put(chunkKey(second.files[0]?.chunks[0] ?? ""), Buffer.alloc(9)),
    ],
    [
      "has a chunk with the content of another",
      async ({ first, second }) => {
        const other = await local.bucket.get(chunkKey(first.files[0]?.chunks[0] ?? ""));
        await local.bucket.put(chunkKey(second.files[0]?.chunks[0] ?? ""), other ?? Buffer.alloc(0));
      },
    ],
    [
      "is cut off",
      async ({ second }) => {
        const whole = await local.bucket.get(baseKey(second.seq));
        await local.bucket.put(baseKey(second.seq), whole?.subarray(0, 50) ?? Buffer.alloc(0));
      },
    ],
    [
      "is not of its entry",
      ({ second }) =>
        local.bucket.put(
          baseKey(second.seq),
          Buffer.from(JSON.stringify({ ...second, hash: "0".repeat(64) })),
        ),
    ],
  ])("%s", async (_, damage) => {
    const bases = await two();
    await damage(bases);
    const troubles: string[] = [];
    const done = await restored({ onTrouble: (error) => troubles.push(error.message) });
    expect(done).toMatchObject({ text: "acd", base: bases.first.seq });
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toContain("s3://");
  });
});

describe("what cannot be restored is named:", () => {
  test("a log whose beginning is gone", async () => {
    const log = await own(local.bucket, writer(1));
    await local.bucket.remove(Array.from({ length: log.place.seq - 1 }, (_, i) => logKey(i + 1)));
    await expect(restore(local.bucket, folder)).rejects.toThrow("state/log/ has lost its first entries");
  });
  test("one without its bases, whose beginning was cleaned up: fences alone are no state, and no gap is filled", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    const made = await base(log, "a");
    await commit(log, { 1: "b" }, 1);
    await local.bucket.remove(Array.from({ length: made.seq - 3 }, (_, i) => logKey(i + 3)));
    await local.bucket.put(baseKey(made.seq), Buffer.from("{}"));
    await expect(restore(local.bucket, folder)).rejects.toThrow(/base\/\d+\.json cannot be read/);
    const filled: number[] = [];
    const onGap = async (seq: number) => {
      filled.push(seq);
      return undefined;
    };
    await expect(restore(local.bucket, folder, { last: made.seq + 1, onGap })).rejects.toThrow("base/");
    expect(filled).toEqual([]);
  });
  test("a moment before the history begins", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    const made = await base(log, "a");
    await local.bucket.remove(Array.from({ length: made.seq - 3 }, (_, i) => logKey(i + 3)));
    const later = { ...made, at: "2099-01-01T00:00:00Z" };
    await local.bucket.put(baseKey(made.seq), Buffer.from(JSON.stringify(later)));
    const until = "2098-01-01T00:00:00Z";
    await expect(restore(local.bucket, folder, { until })).rejects.toThrow("has no state of that time");
  });
  test("a folder that cannot be written", async () => {
    const log = await own(local.bucket, writer(1));
    await commit(log, { 1: "a" }, 1);
    await writeFile(path.join(folder, "file"), "");
    await expect(restore(local.bucket, path.join(folder, "file"))).rejects.toThrow(/could not write .*file/);
  });
  test("nothing: an empty bucket has no state, and that is no error", async () => {
    expect(await restore(local.bucket, folder)).toMatchObject({ files: [], place: { seq: 0 } });
  });
});

test("a take-over that dies on the way leaves nothing to go on with", async () => {
  const log = await own(local.bucket, writer(1));
  await commit(log, { 1: "a", 2: "b" }, 2);
  const where = { folder, keeps: path.join(folder, "keeps"), databases: [FILE] };
  await takeOver(local.bucket, writer(2), where, patience);
  expect(await readFile(path.join(where.keeps, "shipped.json"), "utf8")).toContain('"epoch":2');
  const get = async (key: string) => {
    if (key === logKey(6)) throw new Error("the power is cut");
    return local.bucket.get(key);
  };
  await expect(takeOver({ ...local.bucket, get }, writer(3), where, patience)).rejects.toThrow(
    "power is cut",
  );
  await expect(readFile(path.join(where.keeps, "shipped.json"))).rejects.toThrow("ENOENT");
});
