import { expect, test } from "vitest";
import { downtimeOf } from "../../../provisioner/operator/downtime.ts";
import { Prober } from "../../../provisioner/operator/prober.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";

const sample = (at: number, failure?: string) => ({ at, milliseconds: 100, failure });

test("downtime runs from a failed request to the next answered one", () => {
  const seen = downtimeOf([
    sample(0),
    sample(1_000, "refused"),
    sample(2_000, "refused"),
    sample(3_500),
    sample(4_000, "HTTP 502"),
    sample(5_000),
  ]);
  expect(seen).toEqual({
    requests: 6,
    failed: 3,
    seconds: 3.5,
    longest: 2.5,
    failures: { refused: 2, "HTTP 502": 1 },
  });
});

test("a site that does not come back is down to the end", () => {
  expect(downtimeOf([sample(0), sample(1_000, "refused"), sample(9_900, "refused")]).seconds).toBe(9);
  expect(downtimeOf([])).toMatchObject({ requests: 0, seconds: 0 });
});

test("the prober asks four times a second, also while answers are late, and waits for the last of them", async () => {
  const clock = new ManualClock();
  const prober = new Prober(
    "https://x/",
    async () => {
      await clock.sleep(1_000);
      return { status: 200 };
    },
    clock,
  );
  await clock.advance(2_000);
  const stopped = prober.stop();
  await clock.advance(1_000);
  const samples = await stopped;
  expect(samples.length).toBeGreaterThanOrEqual(8);
  expect(new Set(samples.map((s) => s.milliseconds))).toEqual(new Set([1_000]));
  expect(samples.every((s) => s.failure === undefined)).toBe(true);
});
