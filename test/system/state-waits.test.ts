import { describe, expect, test } from "vitest";
import { systemClock } from "../../agent/site/clock.ts";
import { bucket, owner, post, restored, sql, stateOwners } from "./state-owner.ts";

stateOwners();

describe("an answer waits until what it may tell of is in the bucket", () => {
  test("a reader is not shown what a power cut could take back", async () => {
    const instance = await owner(1);
    bucket.server.disturb("s3", "PutObject", { delayMs: 1_200 });
    const writing = post(instance, 1);
    await systemClock.sleep(300);
    const begun = performance.now();
    const shown = await instance.ask("GET", "/");
    expect([JSON.parse(shown.body), (await writing).status]).toEqual([{ c: 1 }, 200]);
    expect(performance.now() - begun).toBeGreaterThan(500);
  });

  test("for little longer than one PUT takes: a commit is seen when it is there, not at the next look", async () => {
    const instance = await owner(1);
    const took: number[] = [];
    for (let n = 1; n <= 15; n++) {
      const begun = performance.now();
      expect((await post(instance, n)).status).toBe(200);
      took.push(performance.now() - begun);
    }
    expect(took.sort((a, b) => a - b)[7]).toBeLessThan(150);
  });

  test("also when the shipper is dead, until it is there again", async () => {
    const instance = await owner(1);
    expect((await post(instance, 1)).status).toBe(200);
    instance.signal("SIGKILL", "shipper");
    // Nothing has been written since: readers need not wait.
    expect((await instance.ask("GET", "/")).status).toBe(200);
    let answered = false;
    const writing = post(instance, 2).finally(() => {
      answered = true;
    });
    await systemClock.sleep(700);
    expect(answered).toBe(false);
    await instance.ship();
    expect((await writing).status).toBe(200);
    expect(await sql(await restored(), "print(db.execute('SELECT count(*) FROM rows').fetchone())")).toBe(
      "(2,)",
    );
  });

  test('in "fast" only when the shipper has been dead for longer than the bound', async () => {
    const instance = await owner(1, { durability: "fast" });
    for (let n = 1; n < 30; n++) await post(instance, n);
    const { bound } = await instance.status();
    instance.signal("SIGKILL", "shipper");
    const begun = performance.now();
    let last = 0;
    for (let n = 30; performance.now() - begun < Number(bound) + 700; n++) {
      const held = post(instance, n).then(({ status }) => {
        if (status === 200) last = performance.now() - begun;
      });
      await Promise.race([held, systemClock.sleep(50)]);
    }
    expect(last).toBeGreaterThan(0);
    expect(last).toBeLessThan(Number(bound) + 300);
  });

  test("an S3 that accepts and never answers holds the site, and it goes on within two seconds after", async () => {
    const instance = await owner(1);
    bucket.server.silence("s3");
    const writing = post(instance, 1);
    writing.catch(() => undefined);
    await systemClock.sleep(4_000);
    expect(await instance.status()).toMatchObject({ trouble: expect.stringContaining("timed out") });
    bucket.server.speak("s3");
    const begun = performance.now();
    expect((await writing).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(2_500);
  });
});
