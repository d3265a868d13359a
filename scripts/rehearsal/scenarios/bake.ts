import {
  DeregisterImageCommand,
  DescribeFleetsCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { poll } from "../../../agent/site/poll.ts";
import { checkDown, recordBoots, runUp, runUpAgain, vanish } from "../acts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Result } from "../result.ts";
import { failed } from "../sample.ts";
import type { Scenario } from "../scenario.ts";

const BAKE_SECONDS = 240;
const BOOT_SECONDS = 120;
/** The owner looks every minute. */
const NOTICE_SECONDS = 90;

export const bake: Scenario = {
  name: "bake",
  about:
    "an image is made of the instance; the next boots from it, faster; it vanishes, and Debian's does again",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    const ec2 = new EC2Client({ endpoint: rehearsal.cloud.endpoint, region: rehearsal.cloud.region });
    try {
      const stock = await replaced(rehearsal);
      const image = await bakeIt(rehearsal, result);
      await runUpAgain(rehearsal, result);
      const old = await rehearsal.owner();
      const oldId = await inside(rehearsal, old, "cat /etc/machine-id");
      const baked = await replaced(rehearsal);
      checkBaked(rehearsal, result, stock, baked);
      await checkOwn(rehearsal, baked.instance, oldId);
      rehearsal.check((await imageOf(ec2, baked.instance)) === image, `${baked.instance} is of ${image}`);

      rehearsal.moment(`${image} is deregistered by hand`);
      await ec2.send(new DeregisterImageCommand({ ImageId: image, DeleteAssociatedSnapshots: true }));
      const debian = await untilOther(ec2, image);
      rehearsal.moment(`the fleet launches ${debian} again`);
      const last = await replaced(rehearsal);
      rehearsal.check((await imageOf(ec2, last.instance)) === debian, `${last.instance} is of ${debian}`);
      await recordBoots(rehearsal, result);
      await checkDown(rehearsal, result);
    } finally {
      ec2.destroy();
    }
  },
};

/** AWS takes the owner; the boot of the next one, from user data to the records. */
async function replaced(rehearsal: Rehearsal): Promise<BootRecord> {
  const record = await rehearsal.bootOfOwner(await vanish(rehearsal), BOOT_SECONDS);
  rehearsal.check(record.certificate?.source === "stored", "the replacement serves the stored certificate");
  rehearsal.check(record.warnings.length === 0, `nothing is odd, but: ${record.warnings.join("; ")}`);
  return record;
}

async function bakeIt(rehearsal: Rehearsal, result: Result): Promise<string> {
  const owner = await rehearsal.owner();
  await inside(rehearsal, owner, "echo theirs >/var/lib/everspot-app/theirs");
  const visitor = rehearsal.visit({ name: "while the image is made" });
  if ((await visitor.first((s) => !failed(s), 30)) === undefined) throw new Error("no answer");
  rehearsal.moment("everspot bake");
  const done = await rehearsal.cli(["bake", "--yes"], BAKE_SECONDS);
  await visitor.stop();
  rehearsal.check(done.exitCode === 0, `bake succeeds, but it exited with ${done.exitCode}`);
  const lost = visitor.samples.filter(failed).length;
  rehearsal.check(lost === 0, `no visitor notices, but ${lost} requests failed`);
  rehearsal.check((await rehearsal.owner()) === owner, "bake is no change of owner");
  result.figures = { ...result.figures, "seconds to bake": done.seconds };
  rehearsal.moment(`baked after ${done.seconds} s`);
  return (done.json as { image: string }).image;
}

function checkBaked(rehearsal: Rehearsal, result: Result, stock: BootRecord, baked: BootRecord): void {
  const step = (name: string) => baked.steps.find((s) => s.name === name)?.detail ?? "";
  rehearsal.check(step("packages").includes("all there"), `packages: ${step("packages")}`);
  rehearsal.check(step("release").includes("from the disk"), `release: ${step("release")}`);
  const [slow, fast] = [servedAfter(stock), servedAfter(baked)];
  rehearsal.check(fast < slow, `a baked image boots faster: ${fast} s, Debian's ${slow} s`);
  const [much, little] = [rehearsal.meter.untilOwned(stock), rehearsal.meter.untilOwned(baked)];
  result.figures = {
    ...result.figures,
    ...{ "seconds of a boot": slow, "seconds of a boot, baked": fast },
    ...(much !== undefined && { "processor seconds of a boot": much }),
    ...(little !== undefined && { "processor seconds of a boot, baked": little }),
  };
  rehearsal.moment(`a boot took ${much} s of processor time, and takes ${little} s with its own image`);
}

/** Seconds from user data to the first answer over HTTPS, by the instance's own probe. */
function servedAfter({ steps }: BootRecord): number {
  const probe = steps.find((s) => s.name === "self-probe");
  return Math.round(((probe?.start ?? 0) + (probe?.seconds ?? 0)) * 100) / 100;
}

/** Nothing of the machine that the image was made of is left, and no key is on the disk. */
async function checkOwn(rehearsal: Rehearsal, instance: string, oldId: string): Promise<void> {
  const said = (command: string) => inside(rehearsal, instance, command);
  rehearsal.check((await said("cat /etc/machine-id")) !== oldId, "the machine has an id of its own");
  const data = await said("ls /var/lib/everspot-app");
  rehearsal.check(!data.includes("theirs"), `the app begins without the other's data, but with ${data}`);
  const keys = await said(
    "grep -rlIE 'PRIVATE KEY|SECRET_KEY=' /etc/everspot /opt/everspot /var/lib/everspot; true",
  );
  rehearsal.check(keys === "", `no key is on the disk, but in ${keys}`);
  const instances = await said("ls /var/lib/cloud/instances");
  rehearsal.check(instances === instance, `cloud-init knows this instance alone, but: ${instances}`);
}

async function inside(rehearsal: Rehearsal, instance: string, command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await rehearsal.cloud.machines.exec(instance, "sh", ["-c", command]);
  if (exitCode !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout.trim();
}

async function imageOf(ec2: EC2Client, instance: string): Promise<string | undefined> {
  const found = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [instance] }));
  return found.Reservations?.[0]?.Instances?.[0]?.ImageId;
}

/** Waits until the fleet launches another image than this one. */
async function untilOther(ec2: EC2Client, image: string): Promise<string> {
  return poll(
    "the fleet to launch another image",
    async () => {
      const { Fleets } = await ec2.send(new DescribeFleetsCommand({}));
      const spec = Fleets?.[0]?.LaunchTemplateConfigs?.[0]?.LaunchTemplateSpecification;
      const found = await ec2.send(
        new DescribeLaunchTemplateVersionsCommand({
          LaunchTemplateId: spec?.LaunchTemplateId,
          Versions: [spec?.Version ?? ""],
        }),
      );
      const now = found.LaunchTemplateVersions?.[0]?.LaunchTemplateData?.ImageId;
      return now === undefined || now === image ? { waiting: `${now}` } : { done: now };
    },
    { seconds: NOTICE_SECONDS, everySeconds: 1 },
  );
}
