import { describe, expect, test } from "vitest";
import { billOf, renderBill } from "../../../provisioner/plan/bill.ts";
import { promiseOf, stateLine } from "../../../provisioner/plan/state-bill.ts";

const spot = [
  { type: "t3.micro", zone: "us-east-1a", price: 0.004 },
  { type: "t3.micro", zone: "us-east-1b", price: 0.005 },
  { type: "t3.small", zone: "us-east-1a", price: 0.006 },
];
const site = {
  region: "us-east-1",
  types: ["t3.micro", "t3.small"],
  spot,
  running: undefined,
  disk: 10,
  images: [],
  bridge: false,
  acmNames: 0,
  credits: "boot" as const,
  state: undefined,
  logs: { maxMbPerDay: 150 },
};

test("before a launch the instance costs from the cheapest pool to the dearest, 730 hours a month", () => {
  const bill = billOf(site);
  expect(bill.lines[0]).toMatchObject({ low: 0.004 * 730, high: 0.006 * 730 });
  const others = bill.lines.slice(1).reduce((sum, line) => sum + line.low, 0);
  expect(bill.low).toBeCloseTo(0.004 * 730 + others);
  expect(bill.high).toBeCloseTo(0.006 * 730 + others);
});

test("the public address has a line of its own, and everything else that is paid for", () => {
  const lines = Object.fromEntries(billOf(site).lines.map((l) => [l.what, Number(l.low.toFixed(2))]));
  expect(lines).toMatchObject({
    "public IPv4 address": 3.65,
    "disk, 10 GB gp3": 0.8,
    "hosted zone": 0.5,
  });
  // 518,400 looks, one every 5 s, are 21 cents; there are two fifths more, and a little else.
  expect(lines.bucket).toBeGreaterThan(0.27);
  expect(lines.bucket).toBeLessThan(0.33);
});

test("the log costs nothing as long as the brake keeps it below what is free", () => {
  const line = (maxMbPerDay: number) =>
    billOf({ ...site, logs: { maxMbPerDay } }).lines.find((l) => l.what === "log");
  expect(line(150)).toMatchObject({
    low: 0,
    high: 0,
    note: expect.stringContaining("5 GB a month are free"),
  });
  expect(line(1000)).toMatchObject({ low: 0, high: 12.5 });
});

test("what a command on the instance costs is said", () => {
  expect(renderBill(billOf(site)).join("\n")).toMatch(
    /bucket .*\$0\.03 at most for each hour in which a command runs/,
  );
});

test("once an instance runs, its own pool counts", () => {
  const bill = billOf({ ...site, running: { type: "t3.micro", zone: "us-east-1b" } });
  expect(bill.low).toBe(bill.high);
  expect(bill.lines[0]).toMatchObject({ what: "spot instance (t3.micro)", low: 0.005 * 730 });
});

test("on demand stands beside it where that price is known", () => {
  expect(billOf({ ...site, types: ["t3.small"] }).onDemand?.low).toBeCloseTo(
    billOf({ ...site, types: ["t3.small"] }).low - 0.006 * 730 + 0.0208 * 730,
  );
  expect(billOf({ ...site, types: ["x9.odd"] }).onDemand).toBeUndefined();
});

test("what a bridge costs is shown where one is allowed", () => {
  expect(renderBill(billOf(site)).join()).not.toContain("bridge");
  expect(billOf({ ...site, bridge: true }).bridge).toEqual({ low: 0.0104, high: 0.0208 });
  expect(renderBill(billOf({ ...site, bridge: true }))).toContain(
    "while an on-demand instance bridges, it costs $0.0104 – $0.0208 per hour",
  );
});

test("no spot price is said, not counted as nothing", () => {
  const bill = billOf({ ...site, spot: [] });
  expect(bill.lines[0]?.note).toBe("EC2 gave no spot price for these types");
});

test("rendered with amounts aligned, and how old the prices are", () => {
  const lines = renderBill(billOf({ ...site, region: "eu-west-1" }));
  const amounts = lines.slice(0, -1).map((l) => (l.split("  (")[0] ?? "").trimEnd().length);
  expect(new Set(amounts).size).toBe(1);
  expect(lines.at(-1)).toMatch(/us-east-1, \d{4}-\d\d-\d\d, which differ a little in eu-west-1/);
});

test("an exportable certificate of ACM is paid for by name, at each renewal", () => {
  expect(billOf(site).lines.some((l) => l.what.includes("ACM"))).toBe(false);
  const line = billOf({ ...site, acmNames: 2 }).lines.find((l) => l.what === "certificate from ACM");
  expect(line?.low).toBeCloseTo((14 / 153) * 30.4, 1);
  expect(line?.note).toContain("$14.00 at the request and at each renewal");
});

test.each([
  ["boot", ["t3.micro", "t3a.small"], 2 * 0.9 * 0.05],
  ["boot", ["t4g.nano"], 2 * 0.95 * 0.04],
  ["boot", ["t2.micro", "m7g.medium"], 0.9 * 0.05],
  ["unlimited", ["t3.micro"], 2 * 0.9 * 0.05 * 730],
  ["standard", ["t3.micro"], undefined],
  ["boot", ["m7g.medium"], undefined],
] as const)("with credits %s, %j may borrow at most $%s", (credits, types, most) => {
  const bill = billOf({ ...site, types, credits });
  if (most === undefined) expect(bill.surplus).toBeUndefined();
  else expect(bill.surplus?.most).toBeCloseTo(most);
  expect(renderBill(bill).some((line) => line.includes("CPU credits"))).toBe(most !== undefined);
});

describe("what the site writes", () => {
  test("costs nothing at rest and its budget at most, and says what may be lost for it", () => {
    const bill = billOf({ ...site, state: stateLine({ durability: "fast", budget: 3 }) });
    expect(bill.high - bill.low).toBeCloseTo(0.002 * 730 + 3);
    expect(renderBill(bill).join("\n")).toMatch(
      /state, writing to the bucket +\$0\.00 – \$3\.00 +\(up to 5 s of writes may be lost when a machine dies at once\)/,
    );
  });
  test.each([
    [0.5, 27],
    [3, 5],
    [13, 2],
    [100, 2],
  ])("for $%d a month: up to %d s", (budget, seconds) => {
    expect(promiseOf({ durability: "fast", budget })).toContain(`up to ${seconds} s`);
  });
  test('with "s3" nothing is', () => {
    expect(stateLine({ durability: "s3", budget: 3 }).note).toMatch(
      /^nothing that was acknowledged is lost; each/,
    );
  });
});
