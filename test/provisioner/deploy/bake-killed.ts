import { DescribeImagesCommand, DescribeSnapshotsCommand, EC2Client } from "@aws-sdk/client-ec2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readDocument } from "../../../agent/site/document.ts";
import { imageDocument } from "../../../agent/site/documents/image-note.ts";
import { connect } from "../../../provisioner/aws/connect.ts";
import { runBake } from "../../../provisioner/commands/bake.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { isRead } from "../../cloud/writes.ts";
import { heartbeats } from "./heartbeats.ts";
import { openSwapSite, type SwapSite } from "./swapping.ts";

/**
 * A bake that dies after its writes, and the next one once it counts as dead: the test of that.
 * @param every 1: after each of them. 3: after every third.
 */
export function killedBakes(every: number): void {
  let site: SwapSite;
  let ec2: EC2Client;
  /** From the nth write on nothing the command asks for happens any more, as after kill -9. */
  let left: number | undefined;
  let at = "";

  beforeAll(async () => {
    site = await openSwapSite({ drain: 1 });
    // No bake needs it, and each death is waited out.
    site.agents.lookMs = 60_000;
    ec2 = new EC2Client({ region: "us-east-1" });
    const isHeartbeat = heartbeats();
    site.cloud.wire.before((call) => {
      const alive = isHeartbeat(call);
      if (left === undefined || call.accessKeyId !== "AKIATEST") return;
      if (left === 0) throw new AwsError("Killed", "the command is dead", 400);
      if (alive || isRead(call)) return;
      left -= 1;
      at = call.operation;
    });
  });
  afterAll(async () => {
    ec2.destroy();
    await site.close();
  });

  const bake = () => runBake(site.config, site.tools, { remove: false });

  /** The fleet launches the newest image, the note fits, no snapshot is without an image, no one has the lock. */
  async function inOrder(when: string): Promise<void> {
    const aws = await connect(site.config);
    try {
      const [template] = await aws.templates.look();
      const fleet = (await aws.fleets.look()).find((f) => f.alive);
      const images = (await ec2.send(new DescribeImagesCommand({ Owners: ["self"] }))).Images ?? [];
      const snapshots =
        (await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ["self"] }))).Snapshots ?? [];
      expect(fleet?.template?.version, when).toBe(template?.latest.version);
      expect(
        images.map((i) => i.ImageId),
        when,
      ).toContain(template?.latest.image);
      expect(images.length, when).toBeLessThanOrEqual(2);
      expect(snapshots, when).toHaveLength(images.length);
      const { value: note } = await readDocument(site.store, imageDocument);
      expect(note, when).toMatchObject({ image: template?.latest.image, launches: template?.latest.version });
      expect((await site.lock())?.state, when).toBe("done");
    } finally {
      aws.close();
    }
  }

  test(`bake, killed after ${every === 1 ? "each" : `one in ${every}`} of its writes and run again once it counts as dead`, {
    timeout: 120_000,
  }, async () => {
    const deaths = new Set<string>();
    // The first four take the lock and say what is done, as those of every deploy.
    for (let writes = 4; ; writes += every) {
      // Images are named by the second.
      await site.tools.clock.sleep(1_000);
      left = writes;
      const ended = await bake().then(
        () => true,
        () => false,
      );
      const dead = left === 0 && !ended;
      left = undefined;
      if (!dead) break;
      deaths.add(at);
      await site.tools.clock.sleep(121_000);
      await bake();
      await inOrder(`killed after ${writes} writes, the last a ${at}`);
      if (writes > 40) expect.fail("it never came to its end");
    }
    expect(deaths.size).toBeGreaterThan(2);
    if (every === 1) {
      for (const one of ["CreateImage", "CreateLaunchTemplateVersion", "ModifyFleet"])
        expect(deaths).toContain(one);
    }
    await inOrder("in the end");
    expect(site.agents.failures).toEqual([]);
  });
}
