import { request } from "node:https";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { secretPath } from "../../../agent/site/names.ts";
import { poll } from "../../../agent/site/poll.ts";
import { replacementsDocument } from "../../../agent/site/replacements.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { deploy, withEdit } from "../deploys.ts";
import { capacity } from "../hand-over.ts";
import { hangForGood, recover } from "../hang.ts";
import { RECEIVER_URL, type Receiver, startReceiver } from "../receiver.ts";
import type { Rehearsal } from "../rehearsal.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

const SECRET = "what notices are signed with";
/** Two minutes of failing, and the boot of the next machine. */
const REPLACE_SECONDS = 300;
/** Another minute of failing, in which nothing more may be launched. */
const STILL_SECONDS = 70;
const RECOVER_SECONDS = 60;

export const spentBudget: Scenario = {
  name: "spent-budget",
  about:
    "an app hangs on every machine: replaced within the budget, then a 503 page; a receiver is notified, and one that does not answer holds up nothing",
  overrides: { notify: { url: RECEIVER_URL }, dns: { ttl: 5, drain: 10 } },
  async run(rehearsal, result) {
    await sign(rehearsal);
    const receiver = await startReceiver(rehearsal, SECRET);
    try {
      await runUp(rehearsal, result);
      await rehearsal.untilPackagesAreKept();
      await badDeploy(rehearsal, receiver);
      const visitor = rehearsal.visit({ name: "every 50 ms" });
      if ((await visitor.first((s) => !failed(s), 30)) === undefined) throw new Error("no answer");
      await spend(rehearsal, 2);

      const first = await rehearsal.owner();
      receiver.answer(false);
      rehearsal.moment(`the app on ${first} hangs for good, and the receiver of notices does not answer`);
      const began = Date.now();
      await hangForGood(rehearsal, first);
      const second = (await rehearsal.bootOfOwner(first, REPLACE_SECONDS)).instance;
      const replaced = (Date.now() - began) / 1000;
      receiver.answer(true);
      rehearsal.moment(`the app on ${second} hangs too`);
      await hangForGood(rehearsal, second);
      await poll(
        `${second} to give up`,
        async () => {
          const state = (await rehearsal.boot(second))?.state;
          return state === "unavailable" ? { done: true } : { waiting: state ?? "no record" };
        },
        { seconds: REPLACE_SECONDS, everySeconds: 0.5 },
      );
      rehearsal.moment(`${second} stays up`);
      await checkSpent(rehearsal, second);
      await rehearsal.pause(STILL_SECONDS);
      const { alive, target } = await capacity(rehearsal);
      rehearsal.check(
        alive.join() === second && target === 1,
        `no further launch (${alive.join()}, ${target})`,
      );

      rehearsal.moment(`the app on ${second} is well again`);
      const well = Date.now();
      await recover(rehearsal, second);
      const back = await visitor.first((s) => s.at > well && !failed(s), RECOVER_SECONDS);
      rehearsal.check(back !== undefined, "the site is back by itself once the app answers");
      await visitor.stop();
      checkReceived(rehearsal, receiver);
      result.figures = {
        "seconds until a hanging app is replaced": Math.round(replaced),
        "seconds until an app that is well again serves":
          back === undefined ? "never" : Math.round((back.at - well) / 1000),
        notices: receiver.received.map((r) => r.event).join(", "),
      };
      await recordBoots(rehearsal, result);
    } finally {
      await receiver.close();
    }
    await checkDown(rehearsal, result);
  },
};

async function sign({ cloud: { endpoint, region }, site }: Rehearsal): Promise<void> {
  const ssm = new SSMClient({ endpoint, region });
  const Name = `${secretPath(site.name)}EVERSPOT_NOTIFY_SECRET`;
  await ssm.send(new PutParameterCommand({ Name, Value: SECRET, Type: "SecureString" }));
}

/** Replacements of the last hour, so that few are left. */
async function spend(rehearsal: Rehearsal, count: number): Promise<void> {
  const at = new Date(Date.now() - 600_000).toISOString();
  const given = Array.from({ length: count }, (_, i) => ({
    ...{ instance: `i-0000000000000000${i}`, at, reason: "hung" },
  }));
  await updateDocument(rehearsal.store, replacementsDocument, (now) => ({
    ...{ version: 1, starts: now?.starts ?? [], given: [...given, ...(now?.given ?? [])] },
  }));
}

async function badDeploy(rehearsal: Rehearsal, receiver: Receiver): Promise<void> {
  const edit = (text: string) => `import no_such_module_of_ours\n${text}`;
  const outcome = await withEdit(rehearsal, "project/wsgi.py", edit, () => deploy(rehearsal));
  rehearsal.check(
    outcome.exitCode === 1,
    `a release that does not start ends with 1, not ${outcome.exitCode}`,
  );
  const told = receiver.received.filter((r) => r.event === "boot-failed");
  rehearsal.check(told.length === 1, `one failed boot is reported once, not ${told.length} times`);
}

async function checkSpent(rehearsal: Rehearsal, instance: string): Promise<void> {
  const { value } = await readDocument(rehearsal.store, replacementsDocument);
  rehearsal.check(
    value?.given.length === 3,
    `three were given up within the hour, not ${value?.given.length}`,
  );
  const { status, retryAfter } = await visit(rehearsal);
  rehearsal.check(
    status === 503 && Number(retryAfter) > 0,
    `visitors get 503 with Retry-After, not ${status} with ${retryAfter}`,
  );
  const shown = await rehearsal.cli(["status"], 60);
  rehearsal.check(
    /budget/.test(JSON.stringify(shown.json)),
    `\`status\` says that the budget is spent (${instance}: ${JSON.stringify(shown.json).slice(0, 600)})`,
  );
}

async function visit(
  rehearsal: Rehearsal,
): Promise<{ status: number | undefined; retryAfter: string | undefined }> {
  const { domain, health } = rehearsal.site;
  const host = (await rehearsal.state())?.address ?? "";
  return await new Promise((resolve, reject) => {
    const options = { host, servername: domain, path: health, headers: { host: domain } };
    // Whose certificate it is, is looked at by others.
    request({ ...options, rejectUnauthorized: false }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode, retryAfter: answer.headers["retry-after"] });
    })
      .on("error", reject)
      .end();
  });
}

function checkReceived(rehearsal: Rehearsal, { received }: Receiver): void {
  const events = new Set(received.map((r) => r.event));
  for (const event of ["boot-failed", "replacing", "healed", "budget-spent"])
    rehearsal.check(events.has(event), `the receiver gets "${event}" (${[...events].join(", ")})`);
  rehearsal.check(
    received.every((r) => r.signed),
    "every notice is signed",
  );
}
