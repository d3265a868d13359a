import { afterAll, beforeAll, expect, test } from "vitest";
import { AwsError } from "../../cloud/wire/server.ts";
import { isRead } from "../../cloud/writes.ts";
import { heartbeats } from "./heartbeats.ts";
import { openSwapSite, type SwapSite } from "./swapping.ts";

/**
 * A deploy that dies after its writes, as by kill -9, and what puts in order what it leaves: the test of that.
 * @param every 1: after each of them. 4: after every fourth.
 */
export function killedDeploys(every: number): void {
  let site: SwapSite;
  /** From the nth write on nothing the command asks for happens any more, as after kill -9. */
  let left: number | undefined;
  let died = false;
  beforeAll(async () => {
    site = await openSwapSite({ drain: 1 });
    const isHeartbeat = heartbeats();
    site.cloud.wire.before((call) => {
      const alive = isHeartbeat(call);
      if (left === undefined || call.accessKeyId !== "AKIATEST") return;
      if (left === 0) {
        died = true;
        throw new AwsError("Killed", "the command is dead", 400);
      }
      if (!alive && !isRead(call)) left -= 1;
    });
  });
  afterAll(async () => {
    await site.close();
  });

  async function inOrder(when: string): Promise<void> {
    const { alive, target } = await site.fleet();
    const [state, channel, lock] = [await site.site(), await site.channel(), await site.lock()];
    expect({ alive, target }, when).toEqual({ alive: [state?.owner], target: 1 });
    expect(state?.state, when).toBe("serving");
    expect(channel?.candidate, when).toBeUndefined();
    expect(channel?.current, when).toBe(state?.release);
    expect(lock?.state, when).not.toBe("running");
    expect(site.agents.failures, when).toEqual([]);
  }

  /** Deploys and dies after so many writes. @returns whether it got to its end before. */
  async function killedAfter(writes: number, content: string): Promise<boolean> {
    died = false;
    left = writes;
    const ended = await site.deploy(content).then(
      () => true,
      () => false,
    );
    left = undefined;
    return ended && !died;
  }

  test(`killed after ${every === 1 ? "each" : `one in ${every}`} of its writes: one further command puts everything in order`, {
    timeout: 480_000,
  }, async () => {
    const steps: string[] = [];
    for (let writes = 0, deaths = 0; ; writes += every, deaths++) {
      if (await killedAfter(writes, `killed ${writes}`)) break;
      const lock = await site.lock();
      steps.push(`${lock?.state} ${lock?.step}`);
      // By turns: a person at once, and the next deploy once the dead one counts as dead.
      if (deaths % 6 === 5 && lock?.state === "running") {
        await site.tools.clock.sleep(121_000);
        await site.deploy(`after ${writes}`);
        expect((await site.site())?.release).toBe(site.json().release);
      } else {
        await site.deploy("", { abort: true });
      }
      await inOrder(`killed after ${writes} writes, at ${lock?.step}`);
      if (writes > 60) expect.fail("the deploy never came to its end");
    }
    expect(new Set(steps).size).toBeGreaterThan(every === 1 ? 7 : 4);
    expect(steps.length).toBeGreaterThan(every === 1 ? 14 : 5);
    await inOrder("in the end");
  });
}
