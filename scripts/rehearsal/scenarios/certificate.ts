import http from "node:http";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { poll } from "../../../agent/site/poll.ts";
import { checkDown, recordBoots } from "../acts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

/** A boot waits 90 s for the authority at most. */
const SELF_SIGNED_SECONDS = 180;
/** The ledger's first back-off and the owner's look, a minute each, and an order. */
const TRUSTED_SECONDS = 170;
const RENEW_SECONDS = 400;
const UP_SECONDS = 500;

interface Report {
  served: { serial: string; stored: string; distrust: string | null };
  budgets: { issuances: { left: number; of: number } }[];
  renewed?: { seconds: number };
}

export const certificate: Scenario = {
  name: "certificate",
  about:
    "the CA hangs at the first boot: HTTP serves, then HTTPS without a new boot; then a renewal on demand",
  overrides: { dns: { ttl: 5 } },
  async run(rehearsal, result) {
    rehearsal.moment("the certificate authority hangs");
    rehearsal.cloud.pebble.pause();
    rehearsal.moment("everspot up");
    const up = rehearsal.cli(["up", "--yes"], UP_SECONDS);
    const boot = await untilServing(rehearsal, "self-signed", SELF_SIGNED_SECONDS);
    rehearsal.moment(`${boot.instance} serves, without a certificate that anybody trusts`);
    const before = await plain(rehearsal, boot.address);
    rehearsal.check(before.status === 200, `plain HTTP serves meanwhile, but it answers ${before.status}`);

    rehearsal.moment("the certificate authority answers again");
    rehearsal.cloud.pebble.resume();
    const back = Date.now();
    const visitor = rehearsal.visit({ name: "every 50 ms" });
    const first = await visitor.first((s) => !failed(s), TRUSTED_SECONDS);
    const seconds = first === undefined ? undefined : Math.round((first.at - back) / 1000);
    rehearsal.check(seconds !== undefined, `the site is trusted within ${TRUSTED_SECONDS} s`);
    rehearsal.moment(`a visitor trusts the site, ${seconds} s later`);
    const after = await plain(rehearsal, boot.address);
    rehearsal.check(after.status === 301, `plain HTTP redirects then, but it answers ${after.status}`);
    await visitor.stop();
    const done = await up;
    rehearsal.check(done.exitCode === 0, `up ends well, but it exited with ${done.exitCode}`);
    const boots = await rehearsal.boots();
    rehearsal.check(boots.length === 1 && boots[0]?.attempt === 1, "one boot was enough");

    const seen = await report(rehearsal, []);
    rehearsal.check(seen.served.stored === "newest", "what is served is the newest in the bucket");
    rehearsal.check(seen.served.distrust === null, `the command trusts it: ${seen.served.distrust}`);
    const clients = [
      rehearsal.visit({ name: "new connections" }),
      rehearsal.visit({ name: "kept connections", keepAlive: true }),
    ];
    await rehearsal.pause(2);
    rehearsal.moment("everspot certificate --renew");
    const renewed = await report(rehearsal, ["--renew", "--yes"]);
    rehearsal.moment(`another certificate is served after ${renewed.renewed?.seconds} s`);
    await rehearsal.pause(2);
    for (const client of clients) {
      await client.stop();
      const lost = client.samples.filter(failed).length;
      rehearsal.check(lost === 0, `${client.name}: ${lost} of ${client.samples.length} requests failed`);
    }
    rehearsal.check(renewed.served.serial !== seen.served.serial, "it is another certificate");
    const left = (r: Report) => r.budgets[0]?.issuances.left ?? 0;
    rehearsal.check(left(renewed) === left(seen) - 1, "the renewal counts in the budget");
    const orders = await rehearsal.orders();
    result.certificate = { orders };
    result.figures = {
      "seconds to a trusted certificate once the CA answers": seconds ?? "for good",
      "seconds for a renewal on demand": renewed.renewed?.seconds ?? "for good",
      "requests during the renewal": clients.reduce((sum, c) => sum + c.samples.length, 0),
    };
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

const untilServing = (rehearsal: Rehearsal, source: string, seconds: number): Promise<BootRecord> =>
  poll(
    `an instance that serves with a certificate that is ${source}`,
    async () => {
      const boot = (await rehearsal.boots().catch(() => [])).at(-1);
      if (boot?.state === "serving" && boot.certificate?.source === source) return { done: boot };
      return { waiting: `${boot?.state ?? "no boot"}, ${boot?.certificate?.source ?? "no certificate"}` };
    },
    { seconds, everySeconds: 0.5 },
  );

async function report(rehearsal: Rehearsal, args: string[]): Promise<Report> {
  const done = await rehearsal.cli(["certificate", ...args], RENEW_SECONDS);
  rehearsal.check(done.exitCode === 0, `everspot certificate ${args.join(" ")} succeeds`);
  return done.json as Report;
}

function plain(rehearsal: Rehearsal, address = ""): Promise<{ status: number | undefined }> {
  const { domain, health } = rehearsal.site;
  return new Promise((resolve, reject) => {
    http
      .get({ host: address, path: health, headers: { host: domain }, agent: false }, (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode });
      })
      .on("error", reject);
  });
}
