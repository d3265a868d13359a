import path from "node:path";
import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { written } from "../posts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";
import type { Visitor } from "../visitors.ts";

/** Bringing in, or going back: the instance ends, another one boots. */
const STANDS_SECONDS = 300;
/** What was acknowledged last is in the bucket by then, with "fast". */
const SHIPPED_SECONDS = 4;
const WRITES_SECONDS = 4;

export const data: Scenario = {
  name: "data",
  about:
    "what a running site writes is pulled, drilled, followed by a copy, taken back to an earlier moment and forth again, and replaced from here",
  overrides: { state: {} },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    const first = await write(rehearsal);
    const shown = await everspot<{ entry: number; state: string }>(rehearsal, ["data"]);
    rehearsal.check(shown.state === "open", `the log is open, but it is ${shown.state}`);

    const pulled = path.join(rehearsal.site.folder, "pulled.sqlite3");
    const pull = await everspot<{ seconds: number }>(rehearsal, ["data", "pull", pulled]);
    await has(rehearsal, pulled, first, "the file that was pulled");
    const drill = await everspot<{ passed: boolean; seconds: number }>(rehearsal, ["data", "drill"]);
    rehearsal.check(drill.passed, "the drill passes");

    const copy = path.join(rehearsal.site.folder, "copy.sqlite3");
    await everspot(rehearsal, ["data", "follow", copy, "--once"]);
    const moment = new Date().toISOString();
    await rehearsal.pause(1.5);
    const second = await write(rehearsal);
    const followed = await everspot<{ restored: number; applied: number }>(rehearsal, [
      ...["data", "follow", copy, "--once"],
    ]);
    rehearsal.check(followed.restored === 0 && followed.applied > 0, "the copy follows entry by entry");
    await has(rehearsal, copy, [...first, ...second], "the copy that follows");

    const back = await stands(rehearsal, ["data", "restore", "--to", moment, "--yes"]);
    await has(rehearsal, await pullAnew(rehearsal), first, "the site that went back");
    const dropped = (await idsIn(await pullAnew(rehearsal))).filter((id) => second.includes(id));
    rehearsal.check(dropped.length === 0, `what came later is gone, but there is ${dropped.join(", ")}`);
    const forth = await stands(rehearsal, ["data", "restore", "--to", `entry:${back.undo}`, "--yes"]);
    await has(
      rehearsal,
      await pullAnew(rehearsal),
      [...first, ...second],
      "the site that was taken forth again",
    );

    await execa("/usr/bin/python3", ["-c", ADD, copy]);
    const push = await stands(rehearsal, ["data", "push", copy, "--yes"]);
    const third = await write(rehearsal);
    const ids = await idsIn(await pullAnew(rehearsal));
    rehearsal.check(ids.includes(ADDED), "what was brought in from here is there");
    rehearsal.check(
      third.every((id) => id > ADDED && ids.includes(id)),
      "and the site goes on from it",
    );
    result.figures = {
      "entries acknowledged": first.length + second.length + third.length,
      "seconds of a pull": pull.seconds,
      "seconds of a drill": drill.seconds,
      "seconds of going back, until the site answers": back.seconds,
      "seconds of going forth again": forth.seconds,
      "seconds of bringing in": push.seconds,
    };
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

const ADDED = 100_000;

const ADD = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute(
    "INSERT INTO guestbook_entry (id, name, message, written) VALUES (?, 'from here', 'brought in', '2026-01-01')",
    (${ADDED},),
)
database.commit()`;

const IDS = `
import json, sqlite3, sys
print(json.dumps([row[0] for row in sqlite3.connect(sys.argv[1]).execute("SELECT id FROM guestbook_entry")]))`;

async function idsIn(file: string): Promise<number[]> {
  const { stdout } = await execa("/usr/bin/python3", ["-c", IDS, file], { maxBuffer: 1e9 });
  return JSON.parse(stdout) as number[];
}

async function has(
  rehearsal: Rehearsal,
  file: string,
  wanted: readonly number[],
  what: string,
): Promise<void> {
  const ids = new Set(await idsIn(file));
  const missing = wanted.filter((id) => !ids.has(id));
  rehearsal.check(
    missing.length === 0,
    `${what} has every acknowledged entry, but not ${missing.join(", ")}`,
  );
  rehearsal.moment(`${what} has ${ids.size} entries`);
}

/** Writes for a while. @returns the entries that were acknowledged, once they are in the bucket. */
async function write(rehearsal: Rehearsal): Promise<number[]> {
  const visitor: Visitor = rehearsal.visit({ name: "a writer", postEvery: 2, every: 100 });
  const first = await visitor.first((s) => s.method === "POST" && !failed(s), 30);
  if (first === undefined) throw new Error("the site acknowledges nothing");
  await rehearsal.pause(WRITES_SECONDS);
  await visitor.stop();
  await rehearsal.pause(SHIPPED_SECONDS);
  return written([visitor]).map(({ id }) => id);
}

async function everspot<T>(rehearsal: Rehearsal, args: readonly string[], seconds = 60): Promise<T> {
  const done = await rehearsal.cli(args, seconds);
  if (done.exitCode === 0) return { ...(done.json as T), seconds: done.seconds };
  throw new EverspotError(`everspot ${args.join(" ")} ended with ${done.exitCode}`, { lines: done.lines });
}

/** A command for which the site stands still, until it answers again. */
async function stands(
  rehearsal: Rehearsal,
  args: readonly string[],
): Promise<{ seconds: number; undo: number; instance: string | undefined }> {
  const before = await rehearsal.owner();
  rehearsal.moment(`everspot ${args.join(" ")}`);
  const done = await everspot<{ seconds: number; undo: number; instance: string | undefined }>(
    rehearsal,
    args,
    STANDS_SECONDS,
  );
  rehearsal.check(
    done.instance !== undefined && done.instance !== before,
    "another instance serves after it",
  );
  rehearsal.moment(`${done.instance} serves, after ${done.seconds} s`);
  return done;
}

let pulls = 0;
async function pullAnew(rehearsal: Rehearsal): Promise<string> {
  const file = path.join(rehearsal.site.folder, `pulled-${++pulls}.sqlite3`);
  await everspot(rehearsal, ["data", "pull", file]);
  return file;
}
