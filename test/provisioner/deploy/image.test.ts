import { EC2Client, RevokeSecurityGroupIngressCommand } from "@aws-sdk/client-ec2";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connect } from "../../../provisioner/aws/connect.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import { openSwapSite, type SwapSite } from "./swapping.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

const OLD = "ami-0deb13000000a0064";
const NEWER = "ami-0deb13000000c0064";
const DAY = 86_400_000;

let site: SwapSite;
beforeEach(async () => {
  site = await openSwapSite();
  site.cloud.wire.on("ssm", "GetParameter", () => ({ Parameter: { Value: NEWER } }));
});
afterEach(async () => {
  expect(site.agents.failures).toEqual([]);
  await site.close();
});

/** Debian has two images: the one that the site has, so many days old, and one of today. */
function images(days: number): void {
  const { all } = site.cloud.ec2.images;
  const has = all.get(OLD) ?? expect.fail("no image");
  const now = site.tools.clock.now();
  has.created = new Date(now - days * DAY);
  all.set(NEWER, { ...has, id: NEWER, name: `${has.name}-2`, created: new Date(now) });
}

/** The image of the instance that has the site, and of those that come. */
async function launched(): Promise<{ runs: string | undefined; next: string | undefined }> {
  const aws = await connect(site.config);
  try {
    const owner = site.owner();
    const runs = (await aws.instances.look()).find((i) => i.alive && i.id === owner)?.image;
    const fleet = (await aws.fleets.look()).find((f) => f.alive && !f.bridge);
    const { id = "", version = 0 } = fleet?.template ?? {};
    return { runs, next: (await aws.templates.version(id, version))?.image };
  } finally {
    aws.close();
  }
}

test("one that is older than [image] refresh gives way to Debian's newest, with the next deploy", async () => {
  images(31);
  await site.deploy("another");
  expect(await launched()).toEqual({ runs: NEWER, next: NEWER });
  expect(site.said()).toContain(
    `Debian's image ${OLD} is 31 days old: ${NEWER} takes its place if it serves`,
  );
  site.forget();
  await site.deploy("another");
  expect(site.json()).toMatchObject({ result: "unchanged" });
  expect(site.said()).not.toContain("days old");
});

test('one that is not, or with refresh = "never", stays, unless it is asked for', async () => {
  images(29);
  await site.deploy("another");
  expect(await launched()).toEqual({ runs: OLD, next: OLD });
  images(500);
  site.config.image.refresh = "never";
  await site.deploy("a third");
  expect(await launched()).toEqual({ runs: OLD, next: OLD });
  await site.deploy("a third", { refreshImage: true });
  expect(await launched()).toEqual({ runs: NEWER, next: NEWER });
});

test("a newer one that does not serve goes, and the older stays for whoever comes", async () => {
  images(40);
  site.agents.next = { trouble: "no network with this kernel" };
  await expect(site.deploy("another")).rejects.toThrow("no network with this kernel");
  expect(await launched()).toEqual({ runs: OLD, next: OLD });
  site.agents.next = "serves";
  site.config.image.refresh = "never";
  await site.deploy("another");
  expect(await launched()).toEqual({ runs: OLD, next: OLD });
});

test("no one's deploy fails for it: what only `up` does comes first", async () => {
  images(40);
  const aws = await connect(site.config);
  const [group] = (await aws.network.look()).groups;
  aws.close();
  const ec2 = new EC2Client({ region: "us-east-1" });
  await ec2.send(
    new RevokeSecurityGroupIngressCommand({
      GroupId: group?.id,
      IpPermissions: [{ IpProtocol: "tcp", FromPort: 80, ToPort: 80, Ipv6Ranges: [{ CidrIpv6: "::/0" }] }],
    }),
  );
  ec2.destroy();
  await site.deploy("another");
  expect(await launched()).toEqual({ runs: OLD, next: OLD });
  expect(site.said()).toContain(`${OLD} is old, and stays until \`everspot up\` has`);
});

test("a running instance keeps the one it began with", async () => {
  await expect(site.deploy("another", { inPlace: true, refreshImage: true })).rejects.toMatchObject({
    message: "a running instance keeps the image that it began with",
    exitCode: 2,
  });
});

test("status says so, with what to do", async () => {
  images(31);
  const odd = async () => {
    await runStatus(site.config, site.tools);
    return (site.json().odd as string[]).filter((line) => line.includes("image"));
  };
  expect(await odd()).toEqual([
    `Debian's image ${OLD} that the instance began with is 31 days old, and with it the kernel: \`everspot deploy --refresh-image\` swaps in one with ${NEWER}`,
  ]);
  expect(site.json()).toMatchObject({ debian: { image: OLD, newest: NEWER } });
  images(29);
  expect(await odd()).toEqual([]);
  site.cloud.ec2.images.all.delete(OLD);
  expect(await odd()).toEqual([expect.stringContaining(`${OLD} that the instance began with is gone`)]);
});
