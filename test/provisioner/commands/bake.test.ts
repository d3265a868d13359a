import {
  DeregisterImageCommand,
  DescribeFleetsCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeSnapshotsCommand,
  EC2Client,
} from "@aws-sdk/client-ec2";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createLaunches } from "../../../agent/aws/launches.ts";
import { ensureImage } from "../../../agent/handover/stock-image.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { imageDocument } from "../../../agent/site/documents/image-note.ts";
import { keys } from "../../../agent/site/names.ts";
import { runBake } from "../../../provisioner/commands/bake.ts";
import { runDown } from "../../../provisioner/commands/down.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { openSwapSite, type SwapSite } from "../deploy/swapping.ts";
import { MINIMAL } from "../site.ts";

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

/** Of Debian 13, here. */
const DEBIAN = "ami-0deb13000000a0064";
const upOptions = { refreshImage: false, wait: false, timeout: 60 };

let site: SwapSite;
let ec2: EC2Client;
beforeAll(async () => {
  site = await openSwapSite();
  ec2 = new EC2Client({ region: "us-east-1" });
});
afterEach(() => {
  expect(site.agents.failures).toEqual([]);
  expect(site.cloud.faults()).toEqual([]);
});
afterAll(async () => {
  ec2.destroy();
  await site.close();
});

const bake = (remove = false) => runBake(site.config, site.tools, { remove });
const up = (config = site.config) => runUp(config, site.tools, upOptions);
const images = async () =>
  ((await ec2.send(new DescribeImagesCommand({ Owners: ["self"] }))).Images ?? []).map(
    (i) => i.ImageId ?? "",
  );
const snapshots = async () =>
  ((await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ["self"] }))).Snapshots ?? []).map(
    (s) => s.SnapshotId,
  );
const versions = async () => {
  const found = await ec2.send(
    new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: "everspot-blog" }),
  );
  return (found.LaunchTemplateVersions ?? [])
    .map((v) => ({
      version: v.VersionNumber,
      image: v.LaunchTemplateData?.ImageId,
      says: v.VersionDescription,
    }))
    .sort((a, b) => (a.version ?? 0) - (b.version ?? 0));
};
const launches = async () => {
  const fleet = (await ec2.send(new DescribeFleetsCommand({}))).Fleets?.[0];
  return Number(fleet?.LaunchTemplateConfigs?.[0]?.LaunchTemplateSpecification?.Version);
};
const ownersImage = async () => {
  const owner = (await site.site())?.owner;
  const found = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [owner ?? ""] }));
  return found.Reservations?.[0]?.Instances?.[0]?.ImageId;
};

test("bake makes an image of the owner without a reboot, and launches by it; up then finds nothing to do", async () => {
  await bake();
  const [image] = await images();
  const owner = (await site.site())?.owner;
  expect(site.json()).toMatchObject({
    ...{ command: "bake", image, base: DEBIAN, instance: owner, size: 8, removed: [] },
    monthly: 8 * 0.05,
  });
  const asked = site.cloud.wire.calls.filter((c) => c.operation === "CreateImage").map((c) => c.input);
  expect(asked).toMatchObject([{ InstanceId: owner, NoReboot: true }]);
  expect(await versions()).toMatchObject([
    { image: DEBIAN },
    { image, says: expect.stringContaining(`baked ${DEBIAN} 1`) },
  ]);
  expect(await launches()).toBe(2);
  expect((await readDocument(site.store, imageDocument)).value).toMatchObject({
    image,
    launches: 2,
    stock: 1,
  });
  expect((await site.lock())?.state).toBe("done");
  const described = await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ["self"] }));
  expect(described.Snapshots?.[0]?.Tags).toContainEqual({ Key: "everspot:site", Value: "blog" });

  const mark = site.cloud.mark();
  await up();
  expect(site.cloud.writes(mark, "AKIATEST")).toEqual([]);
});

test("from then on an instance may launch Debian's image again", async () => {
  const credentials = site.cloud.iam.instances.credentialsFor("everspot-blog", site.owner() ?? "");
  const instance = new EC2Client({
    region: "us-east-1",
    credentials: credentials ?? expect.fail("no role"),
  });
  const { clock } = site.tools;
  const before = await launches();
  await createLaunches(instance, "blog", clock).launchBy(1);
  expect(await launches()).toBe(1);
  await createLaunches(instance, "blog", clock).launchBy(before);
  instance.destroy();
});

test("an older image stays until an instance of the new one has the site, and then goes with its snapshot", async () => {
  const [first] = await images();
  await site.deploy("one", { bake: true });
  expect(await ownersImage()).toBe(first);
  const owner = (await site.site())?.owner;
  expect(site.json()).toMatchObject({
    command: "deploy",
    result: "done",
    baked: { instance: owner, base: DEBIAN },
  });
  const both = await images();
  expect(both).toHaveLength(2);
  expect(both).toContain(first);
  const second = both.find((i) => i !== first);
  expect((await versions()).at(-1)).toMatchObject({ image: second });
  await site.deploy("two");
  expect(await ownersImage()).toBe(second);
  expect(await images()).toEqual([second]);
  expect(await snapshots()).toHaveLength(1);
});

test("another configuration keeps the image, and has a version with Debian's below it", async () => {
  const [image] = await images();
  await up(
    parseConfig(`${MINIMAL}workers = 3\n[fleet]\nbridge = true\n[dns]\ndrain = 5\n`, site.config.folder),
  );
  const [stock, own] = (await versions()).slice(-2);
  expect(stock).toMatchObject({ image: DEBIAN });
  expect(own).toMatchObject({ image, says: expect.stringContaining(`baked ${DEBIAN} ${stock?.version}`) });
  expect(await launches()).toBe(own?.version);
  expect((await readDocument(site.store, imageDocument)).value).toMatchObject({
    ...{ image, launches: own?.version, stock: stock?.version },
  });
  await expect(bake()).rejects.toThrow(/changed since/);
  await up();
});

test("status shows the image and what it costs", async () => {
  const [image] = await images();
  await runStatus(site.config, site.tools);
  expect(site.json()).toMatchObject({ image: { id: image, own: true, base: DEBIAN, gigabytes: 8 } });
  expect(JSON.stringify(site.json().odd)).not.toContain(image);
});

test("the instance that serves launches Debian's image again by its own role, once the other is gone", async () => {
  const owner = (await site.site())?.owner ?? "";
  const credentials = site.cloud.iam.instances.credentialsFor("everspot-blog", owner);
  if (credentials === undefined) expect.fail("no role");
  const { region, endpoint } = site.cloud;
  const client = new EC2Client({ region, endpoint, credentials });
  const look = (deploying = false) =>
    ensureImage({
      store: site.store,
      launches: createLaunches(client, "blog", site.tools.clock),
      deploying: async () => deploying,
      ...{ clock: site.tools.clock, signal: new AbortController().signal },
    });
  const [image] = await images();
  const before = (await ec2.send(new DescribeFleetsCommand({}))).Fleets?.[0]?.LaunchTemplateConfigs?.[0];
  const own = Number(before?.LaunchTemplateSpecification?.Version);
  expect(await look()).toBeUndefined();
  expect(await launches()).toBe(own);

  await ec2.send(new DeregisterImageCommand({ ImageId: image }));
  expect(await look(true)).toBeUndefined();
  expect(await launches()).toBe(own);
  expect(await look()).toContain(`${image} is gone`);
  const after = (await ec2.send(new DescribeFleetsCommand({}))).Fleets?.[0]?.LaunchTemplateConfigs?.[0];
  expect(after?.Overrides).toEqual(before?.Overrides);
  expect(
    (await versions()).find((v) => String(v.version) === after?.LaunchTemplateSpecification?.Version),
  ).toMatchObject({
    image: DEBIAN,
  });
  expect(await look()).toBeUndefined();
  client.destroy();
  await bake();
});

test("an image that vanished is noticed by status, and up launches Debian's again", async () => {
  const [image] = await images();
  await ec2.send(new DeregisterImageCommand({ ImageId: image }));
  await runStatus(site.config, site.tools);
  expect(JSON.stringify(site.json().odd)).toContain(`the site's own image ${image} is gone`);
  await up();
  expect((await versions()).at(-1)).toMatchObject({ image: DEBIAN });
  expect(await launches()).toBe((await versions()).at(-1)?.version);
  await bake();
  expect(await images()).toHaveLength(1);
  expect(await snapshots()).toHaveLength(1);
});

test("no image is made of an instance that began with another image than the next is to", async () => {
  const key = keys.boot((await site.site())?.owner ?? "");
  const found = await site.store.get(key);
  const record = JSON.parse(new TextDecoder().decode(found?.body)) as object;
  await site.store.put(key, JSON.stringify({ ...record, base: "ami-0deb12000000a0064" }));
  await expect(bake()).rejects.toThrow(/was launched from the image ami-0deb12000000a0064/);
  await site.store.put(key, JSON.stringify(record));
});

test("with --remove the image goes after Debian's is launched by", async () => {
  await bake(true);
  expect(await images()).toEqual([]);
  expect(await snapshots()).toEqual([]);
  expect((await versions()).at(-1)).toMatchObject({ image: DEBIAN });
});

test("an image that EC2 cannot make, or that is interrupted, leaves everything as it was", async () => {
  const before = await versions();
  const stop = new AbortController();
  site.tools.interrupted = () => stop.signal;
  site.cloud.wire.before((call) => {
    if (call.operation === "CreateImage") stop.abort(new Error("Ctrl-C"));
  });
  await expect(bake()).rejects.toThrow(/Ctrl-C/);
  site.tools.interrupted = () => new AbortController().signal;
  expect(await images()).toEqual([]);
  expect(await versions()).toEqual(before);
  expect((await site.lock())?.state).toBe("aborted");
});

test("down removes image and snapshot", async () => {
  await bake();
  expect(await images()).toHaveLength(1);
  await runDown(site.config, site.tools, { deleteData: true });
  expect(site.json()).toMatchObject({ command: "down", leftovers: [] });
  expect(await images()).toEqual([]);
  expect(await snapshots()).toEqual([]);
});
