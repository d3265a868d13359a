import { statfs } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { poll } from "../../../agent/site/poll.ts";
import { requireSandbox } from "../../../test/cloud/sandbox/sandbox.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { withEdit } from "../deploys.ts";
import { RECEIVER_URL, type Receiver, startReceiver } from "../receiver.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Scenario } from "../scenario.ts";

const SECRET = "what notices are signed with";
const EMAIL = "ann@example.com";
const SHORT_SECONDS = 60;
/** A minute between two looks of the agent, and what nginx keeps before it writes. */
const NOTICE_SECONDS = 90;
const ERRORS = 30;

const BROKEN = `

def broken(request):
    raise RuntimeError("on purpose")


urlpatterns.append(path("broken", broken))
`;
/** Percent of the machines' disk. */
const FULL = 93;
const LARGE = "16G";

export const notices: Scenario = {
  name: "notices",
  about:
    "notices come by webhook and by mail: a test, many errors, a full disk, and no mail before the address is confirmed; doctor and status say what is wrong",
  overrides: { notify: { url: RECEIVER_URL, email: EMAIL }, budget: { monthly: 10 } },
  async run(rehearsal, result) {
    const { sns, budgets } = rehearsal.cloud;
    await ownDisk();
    await withEdit(
      rehearsal,
      "project/urls.py",
      (text) => text + BROKEN,
      () => runUp(rehearsal, result),
    );
    const secret = await rehearsal.cli(
      ["secret", "set", "EVERSPOT_NOTIFY_SECRET"],
      SHORT_SECONDS,
      {},
      SECRET,
    );
    rehearsal.check(secret.exitCode === 0, "the signing secret is set");
    rehearsal.check(budgets.kept.size === 1, `there is a budget (${budgets.kept.size})`);
    const receiver = await startReceiver(rehearsal, SECRET);
    try {
      await tryOut(rehearsal, receiver, 1);
      const before = await rehearsal.cli(["status", "--check"], SHORT_SECONDS);
      rehearsal.check(
        before.exitCode === 1 && /gets no mail yet/.test(JSON.stringify(before.json)),
        "`status --check` says that the address is not confirmed",
      );
      sns.confirm(EMAIL);
      await tryOut(rehearsal, receiver, 2);
      rehearsal.check(mails(rehearsal).length === 1, `one mail came, not ${mails(rehearsal).length}`);
      const well = await rehearsal.cli(["doctor"], SHORT_SECONDS);
      rehearsal.check(well.exitCode === 0, `nothing is wrong (${well.lines.slice(-5).join("; ")})`);

      const began = Date.now();
      const wanted = ["errors", "disk"];
      await fillDisk(rehearsal);
      rehearsal.moment(`${ERRORS} requests end with 500`);
      const visitor = rehearsal.visit({ name: "who asks for what is broken", path: "/broken", every: 100 });
      await rehearsal.pause(ERRORS / 10 + 1);
      await visitor.stop();
      await poll(
        `the receiver to hear of ${wanted.join(", ")}`,
        async () => {
          const events = receiver.received.map((r) => r.event);
          const missing = wanted.filter((event) => !events.includes(event));
          return missing.length === 0 ? { done: true } : { waiting: `it heard of ${events.join(", ")}` };
        },
        { seconds: NOTICE_SECONDS, everySeconds: 0.5 },
      );
      const seconds = Math.round((Date.now() - began) / 1000);
      rehearsal.moment(`the notices come after ${seconds} s`);
      rehearsal.check(
        receiver.received.every((r) => r.signed),
        "every notice is signed",
      );
      const subjects = mails(rehearsal).map((mail) => mail.subject);
      const ill = JSON.stringify((await rehearsal.cli(["doctor"], SHORT_SECONDS)).json);
      const status = JSON.stringify((await rehearsal.cli(["status", "--check"], SHORT_SECONDS)).json);
      for (const event of wanted) {
        rehearsal.check(
          subjects.some((subject) => subject.endsWith(` ${event}`)),
          `${event} is mailed, too (${subjects.join(", ")})`,
        );
        const said = {
          errors: /were errors/,
          disk: /the disk is \d+ % full/,
        };
        const words = said[event as keyof typeof said];
        rehearsal.check(words.test(ill), `doctor names ${event} (${ill.slice(-600)})`);
        rehearsal.check(words.test(status), `status names ${event} (${status.slice(-600)})`);
      }
      result.figures = {
        "seconds until all notices have come": seconds,
        notices: receiver.received.map((r) => r.event).join(", "),
      };
      await resizeDisk(LARGE);
      await recordBoots(rehearsal, result);
    } finally {
      await receiver.close();
    }
    await checkDown(rehearsal, result);
    rehearsal.check(budgets.kept.size === 0, "down takes the budget along");
  },
};

/** `everspot notify test`. @param count of notices to try that came so far. */
async function tryOut(rehearsal: Rehearsal, receiver: Receiver, count: number): Promise<void> {
  rehearsal.moment("everspot notify test");
  const tried = await rehearsal.cli(["notify", "test"], SHORT_SECONDS);
  rehearsal.check(
    tried.exitCode === 0,
    `the instance sends a notice to try, but it ended with ${tried.exitCode}: ${tried.lines.slice(-4).join("; ")}`,
  );
  const came = receiver.received.filter((r) => r.event === "test");
  rehearsal.check(came.length === count, `the receiver got ${count} of them, not ${came.length}`);
}

/** Machines whose disk can be made smaller: a file system of their own, in memory, that takes no more than is written. */
async function ownDisk(): Promise<void> {
  const options = `mode=711,size=${LARGE}`;
  await execa("mount", ["-t", "tmpfs", "-o", options, "machines", machinesFolder()]);
}

/** So that it is full with what is there. */
async function fillDisk(rehearsal: Rehearsal): Promise<void> {
  const { bsize, blocks, bfree } = await statfs(machinesFolder());
  rehearsal.moment(`the machines' disk is ${FULL} % full`);
  await resizeDisk(String(Math.ceil(((blocks - bfree) * bsize * 100) / FULL)));
}

const resizeDisk = (size: string) => execa("mount", ["-o", `remount,size=${size}`, machinesFolder()]);

const machinesFolder = (): string => path.join(requireSandbox().directory, "machines");

/** Those that are not AWS's own. */
const mails = ({ cloud }: Rehearsal) =>
  cloud.sns.mails.filter((mail) => mail.subject.startsWith("everspot "));
