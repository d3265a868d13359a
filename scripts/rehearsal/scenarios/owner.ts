import { randomBytes } from "node:crypto";
import { readDocument } from "../../../agent/site/document.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { jobDocument } from "../../../agent/site/jobs/documents.ts";
import { poll } from "../../../agent/site/poll.ts";
import { checkDown, recordBoots, runUp, vanish } from "../acts.ts";
import { written } from "../posts.ts";
import { RECEIVER_URL, type Receiver, startReceiver } from "../receiver.ts";
import type { CommandOutcome, Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

const SECRET = "of the receiver alone";
const JOB = "minute";
/** Seconds for the next minute, the job's own time, and what the agent takes to say so. */
const JOB_SECONDS = 110;
const HEAL_SECONDS = 180;
/** A line is in CloudWatch Logs some seconds after it was written. */
const LOG_SECONDS = 20;

export const owner: Scenario = {
  name: "owner",
  about:
    "what an owner does in a week, by the shipped commands: an account, logs, a job, a worker, a webhook, maintenance, and a loss in the middle of a job",
  overrides: {
    state: { database: "$STATE_DIRECTORY/guestbook.sqlite3", durability: "s3" },
    notify: { url: RECEIVER_URL },
    schedule: {
      [JOB]: { run: "echo job begun; sleep 25; echo job ended", at: "minutely", timeout: 50, stop: 3 },
    },
    worker: { queue: { run: "echo worker begun; exec sleep 100000", stop: 3 } },
  },
  async run(rehearsal, result) {
    const set = await rehearsal.cli(["secret", "set", "EVERSPOT_NOTIFY_SECRET"], 60, {}, SECRET);
    if (set.exitCode !== 0) throw new EverspotError("secret set failed", { lines: set.lines });
    const receiver = await startReceiver(rehearsal, SECRET);
    try {
      await week(rehearsal, result, receiver);
    } finally {
      await receiver.close();
    }
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

async function week(rehearsal: Rehearsal, result: Result, receiver: Receiver): Promise<void> {
  await runUp(rehearsal, result);
  const first = await rehearsal.owner();
  const writer = rehearsal.visit({ name: "a writer", postEvery: 10 });
  if ((await writer.first((s) => s.method === "POST" && !failed(s), 30)) === undefined) {
    throw new EverspotError("the site acknowledges nothing");
  }

  await account(rehearsal);
  await everspot(rehearsal, ["status", "--check"]);
  await everspot(rehearsal, ["notify", "test"]);
  rehearsal.check(
    receiver.received.some(({ event, signed }) => event === "test" && signed),
    `the webhook gets a signed test, but it got ${receiver.received.map((r) => r.event).join(", ") || "nothing"}`,
  );
  await saidIn(rehearsal, ["--source", "worker:queue"], "worker begun");
  await ends(rehearsal, 1);
  await saidIn(rehearsal, ["--source", `job:${JOB}`], "job ended");
  await maintenance(rehearsal);

  await running(rehearsal);
  const told = receiver.received.length;
  const gone = await vanish(rehearsal);
  const record = await rehearsal.bootOfOwner(gone, HEAL_SECONDS);
  const before = (await history(rehearsal)).length;
  await ends(rehearsal, before + 1);
  await writer.stop();
  const runs = await history(rehearsal);
  const dues = runs.flatMap((one) => (one.how === "missed" || one.due === undefined ? [] : [one.due]));
  rehearsal.check(new Set(dues).size === dues.length, `no run of the job is there twice: ${dues.join(", ")}`);
  rehearsal.check(
    runs.some(({ how }) => how === "interrupted"),
    `the run that was cut off is named so: ${runs.map(({ how }) => how).join(", ")}`,
  );
  rehearsal.check(
    receiver.received.slice(told).some(({ event, signed }) => event === "healed" && signed),
    `the webhook hears of it: ${receiver.received.map((r) => r.event).join(", ")}`,
  );
  await saidIn(rehearsal, ["--instance", first, "--source", `job:${JOB}`], "job begun");
  rehearsal.check((await accounts(rehearsal)) === "1", "the account is there after the loss");
  await kept(
    rehearsal,
    written([writer]).map(({ id }) => id),
  );
  await everspot(rehearsal, ["status", "--check"]);
  await everspot(rehearsal, ["doctor"]);
  result.figures = {
    "ends of the job": runs.map(({ how }) => how).join(", "),
    "entries acknowledged": written([writer]).length,
    events: receiver.received.map(({ event }) => event).join(", "),
    "serves in the end": record.instance,
  };
}

async function everspot(
  rehearsal: Rehearsal,
  args: readonly string[],
  { seconds = 90, input }: { seconds?: number; input?: string } = {},
): Promise<CommandOutcome> {
  rehearsal.moment(`everspot ${args.join(" ")}`);
  const done = await rehearsal.cli(args, seconds, {}, input);
  rehearsal.check(
    done.exitCode === 0,
    `everspot ${args.join(" ")} ends with 0, not ${done.exitCode}: ${done.lines.slice(-5).join(" / ")} ${JSON.stringify(done.json)?.slice(0, 600)}`,
  );
  return done;
}

async function account(rehearsal: Rehearsal): Promise<void> {
  const password = randomBytes(12).toString("hex");
  await everspot(
    rehearsal,
    ["manage", "createsuperuser", "--username", "ann", "--email", "ann@example.com"],
    {
      input: password,
    },
  );
  rehearsal.check((await accounts(rehearsal)) === "1", "there is one account");
}

/** How many accounts there are. */
async function accounts(rehearsal: Rehearsal): Promise<string> {
  const ask =
    "from django.contrib.auth.models import User; print(User.objects.filter(is_superuser=True).count())";
  const { json } = await everspot(rehearsal, ["manage", "shell", "-c", ask]);
  return ((json as { stdout?: string } | undefined)?.stdout ?? "").trim();
}

/** Waits for a line of the log. */
async function saidIn(rehearsal: Rehearsal, options: readonly string[], line: string): Promise<void> {
  const found = await poll(
    `"${line}" in the log`,
    async () => {
      const done = await rehearsal.cli(["logs", "--since", "10m", ...options], 30);
      const text = JSON.stringify(done.json ?? done.lines);
      return text.includes(line) ? { done: true } : { waiting: text.slice(-300) };
    },
    { seconds: LOG_SECONDS, everySeconds: 1 },
  ).catch((error: Error) => error.message);
  rehearsal.moment(`everspot logs ${options.join(" ")}`);
  rehearsal.check(found === true, `the log has it: ${found}`);
}

const history = async (rehearsal: Rehearsal) =>
  (await readDocument(rehearsal.store, jobDocument(JOB))).value?.history ?? [];

/** Waits until so many ends of the job are known, by the document that `everspot jobs` shows. */
async function ends(rehearsal: Rehearsal, count: number): Promise<void> {
  await poll(
    `${count} ends of the job`,
    async () => {
      const { length } = await history(rehearsal);
      return length >= count ? { done: true } : { waiting: `${length} ends` };
    },
    { seconds: JOB_SECONDS, everySeconds: 1 },
  );
  const { json } = await everspot(rehearsal, ["jobs"]);
  const shown = (json as { jobs: { history: unknown[] }[] }).jobs[0]?.history.length ?? 0;
  rehearsal.check(shown >= count, `jobs shows ${count} ends, but ${shown}`);
}

/** Waits until the job is in the middle of a run. */
async function running(rehearsal: Rehearsal): Promise<void> {
  await poll(
    "the job to run",
    async () => {
      const { value } = await readDocument(rehearsal.store, jobDocument(JOB));
      return value?.running === undefined ? { waiting: "it does not run" } : { done: true };
    },
    { seconds: JOB_SECONDS, everySeconds: 1 },
  );
  await rehearsal.pause(5);
}

/** Visitors get a page while it is on, and the site afterwards. */
async function maintenance(rehearsal: Rehearsal): Promise<void> {
  const visitor = rehearsal.visit({ name: "meets maintenance" });
  await everspot(rehearsal, ["maintenance", "on"]);
  const page = await visitor.first((s) => s.status === 503, 20);
  rehearsal.check(page !== undefined, "visitors get 503 during maintenance");
  await everspot(rehearsal, ["maintenance", "off"]);
  const since = Date.now();
  const back = await visitor.first((s) => s.at > since && s.status === 200, 20);
  rehearsal.check(back !== undefined, "and the site after it");
  await visitor.stop();
}

/** All that was acknowledged is in the bucket. */
async function kept(rehearsal: Rehearsal, ids: readonly number[]): Promise<void> {
  const ask = "from guestbook.models import Entry; print(*Entry.objects.values_list('id', flat=True))";
  const { json } = await everspot(rehearsal, ["manage", "shell", "-c", ask]);
  const there = new Set(((json as { stdout?: string }).stdout ?? "").trim().split(" ").map(Number));
  const missing = ids.filter((id) => !there.has(id));
  rehearsal.check(missing.length === 0, `every acknowledged entry is there, but not ${missing.join(", ")}`);
}
