import { DescribeLaunchTemplatesCommand, EC2Client } from "@aws-sdk/client-ec2";
import { GetObjectTaggingCommand, ListObjectVersionsCommand, S3Client } from "@aws-sdk/client-s3";
import { bucketName, keys } from "../../../agent/site/names.ts";
import { lifecycle } from "../../../provisioner/wanted/bucket-rules.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { checkLostNothing, startCrowd } from "../crowd.ts";
import { change, checkInOrder, type DeployJson, noteDeploy, playCommand, untilQuiet } from "../deploys.ts";
import { written } from "../posts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const SWAPS = 20;
/** Longer than the TTL of 5 s that every visitor here honours, or there would be ten minutes of waiting alone. */
const DRAIN = 7;
/** Releases that are kept besides those the channel names (provisioner/release/releases.ts). */
const KEPT = 10;
const NAMED = 3;
/** Whatever is below these, S3 deletes when it is old enough. */
const aging = lifecycle.filter((rule) => rule.expireDays !== undefined && rule.superseded !== true);

/** What the nth swap is, if not a deploy of something new. */
const others: Readonly<Record<number, readonly string[]>> = {
  5: ["rollback"],
  8: ["rollback", "--in-place"],
  10: ["rollback"],
  12: ["deploy", "--in-place"],
  15: ["rollback"],
};
/** After this one, a rollback that has to be refused. */
const REFUSED_AFTER = 10;

export const swaps: Scenario = {
  name: "swaps",
  about: `${SWAPS} deploys and rollbacks in a row under load: nothing is lost, and nothing piles up`,
  overrides: { dns: { drain: DRAIN } },
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    const crowd = await startCrowd(rehearsal, 1);
    const began = Date.now();
    const before = await piles(rehearsal);
    for (let n = 1; n <= SWAPS; n++) {
      await swapOnce(rehearsal, result, n);
      if (n === REFUSED_AFTER) await refused(rehearsal, result);
    }
    const seconds = (Date.now() - began) / 1000;
    await rehearsal.pause(3);
    await crowd.stop();
    for (const visitor of crowd.all) checkLostNothing(rehearsal, visitor, began);

    const after = await piles(rehearsal);
    checkPiles(rehearsal, before, after);
    const posts = written(crowd.all);
    result.certificate = { orders: await rehearsal.orders() };
    rehearsal.check(result.certificate.orders === 1, "no swap makes a new certificate order");
    result.figures = {
      "seconds per swap": Math.round((seconds / SWAPS) * 10) / 10,
      posts: posts.length,
      "releases that answered them": new Set(posts.map((p) => p.release)).size,
      ...Object.fromEntries(Object.entries(after).map(([what, count]) => [`in the end: ${what}`, count])),
      ...shares(result),
    };
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

async function swapOnce(rehearsal: Rehearsal, result: Result, n: number): Promise<void> {
  const args = others[n] ?? ["deploy"];
  const name = `${n}: ${args.join(" ")}`;
  const from = (await rehearsal.state())?.release;
  const owner = await rehearsal.owner();
  if (args[0] === "deploy") await change(rehearsal, `swap ${n}`);
  const outcome = await playCommand(rehearsal, args);
  noteDeploy(result, name, outcome);
  const done = outcome.json as Partial<DeployJson>;
  rehearsal.check(outcome.exitCode === 0, `${name}: succeeds, but it exited with ${outcome.exitCode}`);
  rehearsal.check(
    done.requests?.failed === 0,
    `${name}: its own visitor loses nothing, but ${done.requests?.failed} failed`,
  );
  rehearsal.check(done.release !== from, `${name}: another release than ${from} serves`);
  const inPlace = args.includes("--in-place");
  if (inPlace) await untilQuiet(rehearsal);
  rehearsal.check(
    ((await rehearsal.owner()) === owner) === inPlace,
    `${name}: ${inPlace ? "the same instance" : "another instance than"} ${owner} has the site`,
  );
  await checkInOrder(rehearsal, name, done.release);
  if (outcome.exitCode === 0 && !inPlace)
    result.swap = { seconds: done.seconds ?? 0, steps: done.steps ?? [] };
}

/** There is nothing to go back to in the release that serves. */
async function refused(rehearsal: Rehearsal, result: Result): Promise<void> {
  const state = await rehearsal.state();
  const outcome = await playCommand(rehearsal, ["rollback", state?.release ?? ""]);
  noteDeploy(result, "a rollback to what serves", outcome);
  rehearsal.check(outcome.exitCode === 1, `a rollback to what serves: exit 1, not ${outcome.exitCode}`);
  const said = outcome.lines.join("\n");
  rehearsal.check(/is the current release already/.test(said), `it says why, but it said ${said}`);
  rehearsal.check((await rehearsal.owner()) === state?.owner, "a refused rollback changes nothing");
  await checkInOrder(rehearsal, "after a refused rollback", state?.release);
}

/** How many there are of everything that could pile up. */
type Piles = Record<
  | "releases to keep"
  | "releases marked to go"
  | "boot records"
  | "other objects that go with age"
  | "other objects"
  | "versions of all objects"
  | "bytes of channel.json"
  | "launch template versions",
  number
>;

async function piles(rehearsal: Rehearsal): Promise<Piles> {
  const { cloud, site, store } = rehearsal;
  const at = { endpoint: cloud.endpoint, region: cloud.region };
  const [s3, ec2] = [new S3Client(at), new EC2Client(at)];
  try {
    const Bucket = bucketName(site.name, cloud.account, cloud.region);
    const all = await store.list("");
    const releases = all.filter(({ key }) => key.startsWith(keys.releasePrefix) && key.endsWith(".zip"));
    const marked = await Promise.all(
      releases.map(async ({ key }) => {
        const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key: key }));
        return (TagSet ?? []).length > 0;
      }),
    );
    const boots = all.filter(({ key }) => key.startsWith(keys.bootPrefix)).length;
    const ours = all.filter(({ key }) => key.startsWith(keys.releasePrefix)).length;
    const old = all.filter(({ key }) => aging.some(({ prefix }) => key.startsWith(prefix))).length - boots;
    const versions = await s3.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 1000 }));
    const templates = await ec2.send(new DescribeLaunchTemplatesCommand({}));
    return {
      "releases to keep": marked.filter((m) => !m).length,
      "releases marked to go": marked.filter(Boolean).length,
      "boot records": boots,
      "other objects that go with age": old,
      "other objects": all.length - ours - boots - old,
      "versions of all objects": versions.Versions?.length ?? 0,
      "bytes of channel.json": all.find(({ key }) => key === keys.channel)?.size ?? 0,
      "launch template versions": templates.LaunchTemplates?.[0]?.LatestVersionNumber ?? 0,
    };
  } finally {
    s3.destroy();
    ec2.destroy();
  }
}

function checkPiles(rehearsal: Rehearsal, before: Piles, after: Piles): void {
  const text = JSON.stringify(after);
  rehearsal.moment(`what is there: ${text}`);
  rehearsal.check(after["releases to keep"] <= KEPT + NAMED, `superseded releases are marked to go: ${text}`);
  rehearsal.check(
    after["releases marked to go"] > 0,
    `with ${SWAPS} swaps, some releases are superseded: ${text}`,
  );
  // One per instance, which S3 deletes after a year.
  rehearsal.check(after["boot records"] <= SWAPS + 1, `one boot record per instance: ${text}`);
  // What a release looks like, and its static files.
  const perRelease = after["other objects that go with age"] - before["other objects that go with age"];
  rehearsal.check(perRelease <= 2 * SWAPS, `two objects per release that go with age: ${text}`);
  // deploy.json, and what the second and later instances write once.
  const more = after["other objects"] - before["other objects"];
  rehearsal.check(more <= 2, `nothing else piles up, but there are ${more} more objects: ${text}`);
  rehearsal.check(after["bytes of channel.json"] < 2000, `channel.json stays small: ${text}`);
  const versions = "launch template versions";
  rehearsal.check(after[versions] === before[versions], `no new version of the launch template: ${text}`);
}

/** What the last swap's time was made of. */
function shares(result: Result): Record<string, number> {
  const steps = result.swap?.steps ?? [];
  return Object.fromEntries(
    steps.map(({ name, seconds }) => [
      `the last swap: ${name.replace(/\b[ir]-?[0-9][0-9a-f-]+/g, "…")}`,
      seconds,
    ]),
  );
}
