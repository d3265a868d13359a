import { describe, expect, test } from "vitest";
import type { BootRecord } from "../../../agent/site/boot-record.ts";
import { bootBars } from "../../../provisioner/boots/bars.ts";
import { renderLastBoot, renderStatus } from "../../../provisioner/commands/health/status-lines.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { styleFor } from "../../../provisioner/operator/terminal.ts";
import { statusOf } from "../../../provisioner/seen/status.ts";
import type { StatusInput } from "../../../provisioner/seen/status-input.ts";
import { MINIMAL } from "../site.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const owner = "i-0123456789abcdef0";

const boot: BootRecord = {
  version: 2,
  site: "blog",
  instance: owner,
  bootId: "b",
  attempt: 1,
  started: "2026-11-21T10:00:00.000Z",
  updated: "2026-11-21T10:00:20.000Z",
  state: "serving",
  agent: "a",
  certificate: { serial: "0a", expires: "2027-01-20T00:00:00.000Z", source: "stored" },
  steps: [
    {
      phase: "boot",
      name: "packages",
      needs: [],
      start: 1.2,
      seconds: 5.1,
      state: "done",
      detail: "from the layer",
    },
  ],
  warnings: [],
};

/** A healthy site. */
const well = (): StatusInput => ({
  config: parseConfig(MINIMAL, "/p/everspot.toml"),
  maintenance: undefined,
  answer: { url: "https://blog.example.com/healthz", milliseconds: 84, status: 200 },
  seen: {
    network: {
      vpcs: [{ id: "vpc-1", cidr: "10.83.0.0/16" }],
      gateways: [{ id: "igw-1", vpc: "vpc-1" }],
      subnets: [],
      routeTables: [],
      groups: [],
    },
    images: [],
    imageNote: undefined,
    bucket: undefined,
    roles: { role: undefined, profile: undefined },
    templates: [{ id: "lt-1", latest: { version: 3, description: undefined, image: "ami-1" } }],
    fleets: [
      {
        id: "fleet-1",
        state: "active",
        alive: true,
        activity: "fulfilled",
        template: { id: "lt-1", version: 3 },
        pools: [],
        target: 1,
        bridge: false,
        ceiling: undefined,
        fulfilled: 1,
      },
    ],
    instances: [
      {
        id: owner,
        state: "running",
        alive: true,
        type: "t3.micro",
        zone: "us-east-1a",
        image: "ami-1",
        spot: true,
        launched: new Date("2026-11-21T09:59:00Z"),
        address: "192.0.2.1",
        privateAddress: "10.83.0.9",
        templateVersion: 3,
        fleet: "fleet-1",
      },
    ],
    state: {
      version: 1,
      nonce: "n",
      epoch: 4,
      owner,
      address: "192.0.2.1",
      privateAddress: "10.83.0.9",
      launched: "2026-11-21T09:59:00.000Z",
      since: "2026-11-21T10:00:20.000Z",
      state: "serving",
    },
    channel: { version: 1, nonce: "n", counter: 2, current: "r2", lastKnownGood: "r1", quarantined: [] },
  },
  dns: {
    twins: [],
    zone: { id: "Z1", name: "example.com" },
    records: ["blog.example.com", "www.blog.example.com"].map((name) => ({
      name,
      type: "A",
      ttl: 60,
      values: ["192.0.2.1"],
      wire: { Name: name, Type: "A" },
    })),
    fence: { epoch: 4, owner },
    ours: true,
  },
  boot,
  began: { image: "ami-1", created: new Date("2026-11-01T00:00:00Z"), newest: "ami-1" },
  pointer: undefined,
  data: undefined,
  alerts: [],
  notices: undefined,
  spot: [{ type: "t3.micro", zone: "us-east-1a", price: 0.0043 }],
  now: NOW,
});

const plain = styleFor({ write: () => {} });

test("a healthy site has nothing odd, and all that matters in a few lines", () => {
  const status = statusOf(well());
  expect(status.odd).toEqual([]);
  expect(renderStatus(status, NOW, plain)).toEqual([
    "up          200 in 84 ms, https://blog.example.com/healthz",
    "site        blog at https://blog.example.com/",
    `owner       ${owner} at 192.0.2.1 for 120 min, epoch 4, serving`.replace("120 min", "2 h"),
    `instance    ${owner} running, t3.micro in us-east-1a, 2 h old, spot $0.0043/h, template version 3`,
    "release     r2, last known good r1",
    "record      blog.example.com A 192.0.2.1, TTL 60 s",
    "record      www.blog.example.com A 192.0.2.1, TTL 60 s",
    `fence       epoch 4, ${owner}`,
    "certificate until 2027-01-20 (60 days), from stored",
    "fleet       fleet-1 active, 1 of 1, template version 3",
    "image       ami-1, Debian's",
    `boot        ${owner}, serving, began 2026-11-21T10:00:00.000Z`,
    "  ✓ packages  at   1.2 s    5.1 s  from the layer",
  ]);
});

test("an image of the site's own, with its age and its price", () => {
  const input = well();
  const created = new Date("2026-11-19T12:00:00Z");
  const own = { id: "ami-1", state: "available", base: "ami-0", from: owner, arch: "x86_64", size: 8 };
  input.seen.images = [{ ...own, created, rootDevice: "/dev/xvda", snapshot: "snap-1" }];
  expect(renderStatus(statusOf(input), NOW, plain)).toContain(
    "image       ami-1, the site's own, 2 days old, at most $0.40 a month",
  );
});

test("of a boot: the time of each command before the start, what failed, and what a condemned release said", () => {
  const input = well();
  const step = { phase: "boot" as const, needs: [], start: 1.2, seconds: 46 };
  const detail = "2 commands: migrate 40.1 s, collectstatic 5.2 s";
  const failed: BootRecord = {
    ...boot,
    state: "failed",
    steps: [
      { ...step, name: "prepare", state: "done", detail },
      { ...step, name: "app", state: "failed", error: "it ended", lines: ["KeyError"], hint: "see there" },
      { ...step, name: "packages", state: "stopped" },
    ],
  };
  input.boot = failed;
  input.seen.channel?.quarantined.push({ id: "r3", at: boot.started, reason: "app", lines: ["ImportError"] });
  const status = statusOf(input);
  const failure = [
    "✗ app: it ended:",
    "    KeyError",
    "  what to do: see there",
    "✗ r3: app:",
    "    ImportError",
  ];
  expect(renderStatus(status, NOW, plain).slice(-failure.length)).toEqual(failure);
  const lines = renderLastBoot(status, bootBars(failed), NOW, { style: plain, columns: 80 });
  expect(lines.slice(-failure.length)).toEqual(failure);
  expect(lines).toContain(`prepare: ${detail}`);
});

test("a site that is not there", () => {
  const input = well();
  input.seen.network.vpcs = [];
  input.seen.fleets = [];
  input.seen.templates = [];
  expect(renderStatus(statusOf(input), NOW, plain)).toEqual([
    "blog does not exist; `everspot up` brings it up",
  ]);
});

const odd = (change: (input: StatusInput) => void): string[] => {
  const input = well();
  change(input);
  return statusOf(input).odd;
};

test.each<[string, (input: StatusInput) => void]>([
  ["no instance is running", (i) => i.seen.instances.splice(0)],
  [
    "2 instances are running: ",
    (i) => i.seen.instances.push({ ...(i.seen.instances[0] ?? expect.fail()), id: "i-2" }),
  ],
  [
    "blog.example.com points to 203.0.113.1, not to the owner's 192.0.2.1",
    (i) => i.dns?.records[0]?.values.splice(0, 1, "203.0.113.1"),
  ],
  ["www.blog.example.com has no A record", (i) => i.dns?.records.splice(1)],
  [
    "the fence record says epoch 5 of i-2, site.json epoch 4",
    (i) => Object.assign(i.dns ?? {}, { fence: { epoch: 5, owner: "i-2" } }),
  ],
  ["there is no fence record", (i) => Object.assign(i.dns ?? {}, { fence: undefined })],
  ["there is no hosted zone", (i) => Object.assign(i, { dns: undefined })],
  [
    "was launched from version 2 of the launch template; the newest is 3",
    (i) => Object.assign(i.seen.instances[0] ?? {}, { templateVersion: 2 }),
  ],
  [
    "the fleet launches version 2",
    (i) => Object.assign(i.seen.fleets[0] ?? {}, { template: { id: "lt-1", version: 2 } }),
  ],
  [
    "visitors get a 503 page: the budget of replacements is spent",
    (i) =>
      Object.assign(i, {
        boot: { ...i.boot, state: "unavailable", blame: "the budget of replacements is spent" },
      }),
  ],
  ["the fleet's target is 2", (i) => Object.assign(i.seen.fleets[0] ?? {}, { target: 2 })],
  ["the owner i-9 is gone", (i) => Object.assign(i.seen.state ?? {}, { owner: "i-9" })],
  [
    "failed: app: no module",
    (i) =>
      Object.assign(i, {
        boot: {
          ...boot,
          state: "failed",
          steps: [{ ...boot.steps[0], name: "app", state: "failed", error: "no module" }],
        },
      }),
  ],
  ["took 2 attempts", (i) => Object.assign(i, { boot: { ...boot, attempt: 2 } })],
  [
    "serving the previous release",
    (i) => Object.assign(i, { boot: { ...boot, warnings: ["serving the previous release"] } }),
  ],
  ["the certificate expired on 2027-01-20", (i) => Object.assign(i, { now: Date.parse("2027-01-21") })],
  ["there are 2 VPCs of this site: vpc-1, vpc-2", (i) => i.seen.network.vpcs.push({ id: "vpc-2", cidr: "" })],
  [
    "release r3 is quarantined: it hangs",
    (i) => i.seen.channel?.quarantined.push({ id: "r3", at: "2026-11-20T00:00:00.000Z", reason: "it hangs" }),
  ],
])("odd: %s", (text, change) => {
  expect(odd(change).join("\n")).toContain(text);
});

test("a certificate with less than a quarter of its life left is in trouble", () => {
  const issuance = {
    id: "c1",
    serial: "0a",
    issuer: "CA",
    names: ["blog.example.com"],
    notBefore: "2026-10-22T00:00:00.000Z",
    notAfter: "2027-01-20T00:00:00.000Z",
    directory: "https://ca.example/dir",
    created: "2026-10-22T00:00:00.000Z",
    by: owner,
    sha256: "0".repeat(64),
    renewAt: "2026-12-21T00:00:00.000Z",
  };
  const pointer = { version: 1 as const, nonce: "n", names: issuance.names, issuances: [issuance] };
  const at = (now: string) => odd((i) => Object.assign(i, { pointer, now: Date.parse(now) }));
  expect(at("2026-12-27")).toEqual([]);
  expect(at("2026-12-30")).toEqual([
    "the certificate expires on 2027-01-20T00:00:00.000Z and has not been renewed: `everspot certificate` says more",
  ]);
  // One from ACM is not in the pointer: the boot record tells when its life began.
  const begins = "2026-10-22T00:00:00.000Z";
  const fromAcm = { serial: "0b", begins, expires: "2027-01-20T00:00:00.000Z", source: "acm" };
  const acm = (now: string) =>
    odd((i) => Object.assign(i, { boot: { ...boot, certificate: fromAcm }, now: Date.parse(now) }));
  expect(acm("2026-12-27")).toEqual([]);
  expect(acm("2026-12-30").join()).toContain("expires on");
});

test("a self-signed certificate is reported", () => {
  const certificate = { serial: "0c", expires: "2026-12-20T00:00:00.000Z", source: "self-signed" };
  expect(odd((i) => Object.assign(i, { boot: { ...boot, certificate } }))).toEqual([
    "the certificate is self-signed: visitors do not trust it",
  ]);
});

test("an instance that was never heard of is reported by its console", () => {
  const shown = (lines: string[]) =>
    renderStatus(
      statusOf({ ...well(), boot: undefined, console: { instance: owner, lines } }),
      NOW,
      plain,
    ).slice(-2);
  expect(shown(["no agent yet, next try in 32 s"])).toEqual([
    `${owner} runs, but its agent has not been heard from; the end of its console:`,
    "    no agent yet, next try in 32 s",
  ]);
  expect(shown([]).at(-1)).toMatch(/no console output of it yet$/);
});

test("it begins with what the site answers, and one that does not answer is odd", () => {
  const up = statusOf(well());
  expect(renderStatus(up, NOW, plain)[0]).toBe("up          200 in 84 ms, https://blog.example.com/healthz");
  expect(up.odd).toEqual([]);
  const url = "https://blog.example.com/healthz";
  for (const [answer, says] of [
    [{ url, milliseconds: 9, status: 502 }, "502 in 9 ms"],
    [{ url, milliseconds: 9, error: "connect ECONNREFUSED" }, "connect ECONNREFUSED"],
  ] as const) {
    const down = statusOf({ ...well(), answer });
    expect(renderStatus(down, NOW, plain)[0]).toBe(`down        ${says}, ${url}`);
    expect(down.odd).toEqual([`${url} does not answer 200: ${says}`]);
  }
});

test("on a narrow terminal its rows are broken between words, and stand under their names", () => {
  const input = { ...well(), seen: { ...well().seen, instances: [] } };
  const lines = renderStatus(statusOf(input), NOW, plain, undefined, 60);
  const rows = lines.filter((line) => !line.startsWith("  packages") && !/\S{48}/.test(line));
  expect(rows.filter((line) => line.length > 60)).toEqual([]);
  expect(lines.find((line) => line.startsWith("owner"))).toMatch(/^owner {7}i-0123456789abcdef0 at/);
});

test("when only the instance's own address answers, it says so, and whether the record is to blame", () => {
  const url = "https://blog.example.com/healthz";
  const answer = { url, milliseconds: 9, error: "getaddrinfo ENOTFOUND blog.example.com" };
  const direct = { url, milliseconds: 30, status: 200, address: "192.0.2.1" };
  const input = { ...well(), answer, direct };
  expect(renderStatus(statusOf(input), NOW, plain).slice(0, 2)).toEqual([
    `down        getaddrinfo ENOTFOUND blog.example.com, ${url}`,
    "directly    200 in 30 ms, from 192.0.2.1",
  ]);
  expect(statusOf(input).odd[0]).toMatch(
    /its instance answers at 192\.0\.2\.1, and so says its record: .*for 60 s/,
  );
  const elsewhere = { ...input, direct: { ...direct, address: "192.0.2.9" } };
  expect(statusOf(elsewhere).odd[0]).toMatch(/answers at 192\.0\.2\.9, where the name does not lead$/);
  const neither = { ...input, direct: { url, milliseconds: 9, error: "refused", address: "192.0.2.1" } };
  expect(statusOf(neither).odd[0]).toBe(`${url} does not answer 200: ${answer.error}`);
});

test("what a person was told is wrong is odd until it is over", () => {
  const since = "2026-11-21T11:00:00.000Z";
  const alert = { kind: "disk", text: "the disk is 91 % full", since, told: since, said: true };
  expect(statusOf({ ...well(), alerts: [alert] }).odd).toEqual([`since ${since}: the disk is 91 % full`]);
});

test("a job that failed or was missed is odd until it ends well, or is a job no more", () => {
  const since = "2026-11-21T11:00:00.000Z";
  const one = (about: string, text: string) => ({ kind: "job", about, text, since, told: since, said: true });
  const alerts = [
    one("nightly", "the job nightly: failed after 3 s, exit code 1"),
    one("queue", "the worker queue ended 5 times within 300 s"),
    one("old", "the job old was missed: 2026-11-21T10:00:00.000Z: no instance had the site"),
  ];
  const toml = `${MINIMAL}[schedule.nightly]\nrun = "tidy"\nat = "daily"\n[worker.queue]\nrun = "work"\n`;
  const input = { ...well(), config: parseConfig(toml, "/p/everspot.toml"), alerts };
  expect(statusOf(input).odd).toEqual(alerts.slice(0, 2).map(({ text }) => `since ${since}: ${text}`));
});

describe("who is mailed", () => {
  const config = parseConfig(
    `${MINIMAL}[notify]\nemail = "ann@example.com"\n[budget]\nmonthly = 10\n`,
    "/p/everspot.toml",
  );
  const budget = {
    monthly: 10,
    emails: ["ann@example.com"],
    complete: true,
    spent: 3.5,
    forecast: undefined,
  };
  const one = { email: "Ann@example.com", arn: "arn:aws:sns:1" };
  const rows = (input: StatusInput) =>
    renderStatus(statusOf(input), NOW, plain).filter((line) => /^(mail|spend)/.test(line));

  test("and what the account has spent", () => {
    const input = { ...well(), config, notices: { topic: { subscriptions: [one] }, budget } };
    expect(statusOf(input).odd).toEqual([]);
    expect(rows(input)).toEqual([
      "mail        ann@example.com",
      "spend       $3.50 this month in the whole account, of $10.00 (8 to 12 h old)",
    ]);
  });

  test("no one who has not agreed to; and more than the budget is odd, or none", () => {
    const pending = { subscriptions: [{ ...one, arn: undefined }] };
    const input = { ...well(), config, notices: { topic: pending, budget: { ...budget, spent: 12 } } };
    expect(rows(input)[0]).toBe("mail        ann@example.com, not confirmed yet");
    expect(statusOf(input).odd).toEqual([
      expect.stringContaining("ann@example.com gets no mail yet"),
      "the account has spent $12.00 this month, and its budget is $10.00",
    ]);
    expect(statusOf({ ...input, notices: { topic: undefined, budget: undefined } }).odd).toEqual([
      expect.stringContaining("gets no mail yet"),
      expect.stringContaining("[budget] is in everspot.toml, but AWS has no such budget"),
    ]);
  });
});

describe("a site with [state]", () => {
  const data = {
    ...{ entry: 1234, at: "2026-11-21T11:58:00.000Z", kind: "data", epoch: 4, by: owner },
    ...{ size: 1_200_000, uploads: 3, base: "2026-11-21T11:00:00.000Z" },
  };
  const kept = (change: Partial<typeof data> | undefined): StatusInput => ({
    ...well(),
    config: parseConfig(`${MINIMAL}[state]\ndatabase = "db.sqlite3"\n`, "/p/everspot.toml"),
    data: change && { ...data, ...change },
  });
  const lineOf = (input: StatusInput) =>
    renderStatus(statusOf(input), NOW, plain, input.config.state).find((line) => line.startsWith("data"));

  test("says how much is kept, since when, and what is promised", () => {
    expect(statusOf(kept({})).odd).toEqual([]);
    expect(lineOf(kept({}))).toBe(
      `data        1.2 MB and 3 uploads, entry 1234 2 min ago, by ${owner}; "fast": up to 5 s of writes may be lost when a machine dies at once`,
    );
    expect(lineOf(kept(undefined))).toBe("data        nothing of db.sqlite3 is kept yet");
    expect(lineOf(well())).toBeUndefined();
  });

  test.each<[string, Partial<typeof data> | undefined, RegExp]>([
    ["nothing is kept", undefined, /nothing that the site writes is in its bucket/],
    [
      "another one keeps it",
      { epoch: 5, by: "ann@laptop" },
      /kept by ann@laptop, epoch 5, but the site belongs/,
    ],
    ["it is sealed", { kind: "seal" }, /ends with a seal: writes wait/],
  ])("is odd when %s, but not in the moments of a hand-over", (_, change, message) => {
    const input = kept(change);
    expect(statusOf(input).odd).toEqual([expect.stringMatching(message)]);
    expect(statusOf({ ...input, now: Date.parse("2026-11-21T10:01:00Z") }).odd).toEqual([]);
  });
});
