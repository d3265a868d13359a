/** Each thing that can be wrong with a site: what is said of it, and which command comes next. */
import { expect, test } from "vitest";
import type { BootRecord } from "../../../../agent/site/boot-record.ts";
import type { FleetEvent } from "../../../../provisioner/aws/fleets.ts";
import { diagnose, type IllSite } from "../../../../provisioner/commands/health/diagnosis.ts";
import { nextOf } from "../../../../provisioner/commands/health/examined.ts";
import type { Status } from "../../../../provisioner/seen/status.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const owner = "i-1";
const url = "https://blog.example.com/";
const boot: BootRecord = {
  ...{ version: 2, site: "blog", instance: owner, bootId: "b", attempt: 1, agent: "a", warnings: [] },
  ...{
    started: "2026-11-21T10:00:00.000Z",
    updated: "2026-11-21T10:00:20.000Z",
    state: "serving",
    steps: [],
  },
};
const certificate = { expires: "2027-01-20T00:00:00.000Z", serial: "0a", source: "stored" };
const fleet = { id: "fleet-1", state: "active", target: 1, fulfilled: 1, templateVersion: 3 };
const status: Status = {
  ...{
    site: "blog",
    url,
    exists: true,
    direct: undefined,
    maintenance: undefined,
    console: undefined,
    data: undefined,
    debian: undefined,
  },
  ...{ alerts: [], mail: undefined, spend: undefined, odd: [], image: undefined, boot },
  answer: { url, milliseconds: 84, status: 200 },
  owner: {
    instance: owner,
    epoch: 4,
    address: "192.0.2.1",
    since: "2026-11-21T10:00:20.000Z",
    state: "serving",
  },
  instances: [
    {
      ...{ id: owner, state: "running", type: "t3.micro", zone: "us-east-1a", address: "192.0.2.1" },
      ...{ launched: "2026-11-21T09:59:00.000Z", spotPrice: undefined, templateVersion: 3 },
    },
  ],
  release: { current: "r2", candidate: undefined, lastKnownGood: "r2", quarantined: undefined },
  records: [{ name: "blog.example.com", type: "A", ttl: 60, values: ["192.0.2.1"] }],
  fence: { epoch: 4, owner },
  certificate,
  fleet,
};
const site = (change: Partial<Status> = {}, events: FleetEvent[] = []): IllSite => ({
  ...{ status: { ...status, ...change }, names: ["blog.example.com"], events, now: NOW },
});
const failure: FleetEvent = {
  ...{ at: new Date(NOW), kind: "error", failure: true },
  message: "MaxSpotInstanceCountExceeded: Max spot instance count exceeded",
};
const failed = (own: boolean): BootRecord => ({
  ...{ ...boot, state: "failed", release: "r3" },
  steps: [
    {
      ...{ phase: "boot", name: "healthy", needs: [], start: 3, state: "failed", error: "no answer" },
      ...{ lines: ["ImproperlyConfigured"], ...(own && { ownCode: true as const }) },
    },
  ],
});

test("nothing is wrong: nothing comes next", () => {
  const all = diagnose(site());
  expect(all.filter((e) => e.state !== "well")).toEqual([]);
  expect(nextOf(all)).toBeUndefined();
});

test.each<[string, IllSite, string, RegExp, string]>([
  ["no fleet", site({ fleet: undefined }), "fleet", /no fleet/, "everspot up"],
  ["a fleet of none", site({ fleet: { ...fleet, target: 0 } }), "fleet", /target is 0/, "everspot up"],
  [
    "a quota",
    site({ instances: [] }, [failure]),
    "fleet",
    /cannot launch an instance: MaxSpot/,
    "everspot up",
  ],
  ["no instance", site({ instances: [] }), "instance", /no instance is running/, "everspot up"],
  [
    "no word of an agent",
    site({ boot: undefined, console: { instance: owner, lines: ["no agent yet"] } }),
    "instance",
    /never been heard from/,
    "everspot deploy",
  ],
  [
    "a boot that fails in the release",
    site({ boot: failed(true) }),
    "boot",
    /failed at healthy: no answer/,
    "everspot rollback",
  ],
  [
    "a boot that fails elsewhere",
    site({ boot: failed(false) }),
    "boot",
    /failed at healthy/,
    "everspot status --boot",
  ],
  [
    "a 503 page",
    site({ boot: { ...boot, state: "unavailable", blame: "r2 hangs" } }),
    "boot",
    /r2 hangs/,
    "everspot deploy",
  ],
  [
    "no release",
    site({ release: { ...status.release, current: undefined } }),
    "release",
    /no release serves/,
    "everspot deploy",
  ],
  ["a record elsewhere", site({ records: [] }), "record", /has no A record/, "everspot deploy --force"],
  [
    "a certificate of its own",
    site({
      boot: {
        ...boot,
        certificate: { serial: "1", expires: "2027-01-20T00:00:00.000Z", source: "self-signed" },
      },
    }),
    "certificate",
    /self-signed/,
    "everspot certificate",
  ],
  [
    "an old certificate",
    site({ certificate: { ...certificate, expires: "2026-11-20T00:00:00.000Z" } }),
    "certificate",
    /expired/,
    "everspot certificate",
  ],
  [
    "an app that fails",
    site({ answer: { url, milliseconds: 5, status: 502 } }),
    "answer",
    /502 in 5 ms/,
    "everspot logs --source app",
  ],
  [
    "a resolver that is behind",
    site({
      answer: { url, milliseconds: 5, error: "ENOTFOUND" },
      direct: { url, milliseconds: 5, status: 200, address: "192.0.2.1" },
    }),
    "answer",
    /ENOTFOUND/,
    "everspot status",
  ],
  [
    "data that lags",
    site({ odd: ["what the site writes is kept by i-9, epoch 3, and the site belongs to i-1, epoch 4"] }),
    "data",
    /kept by i-9/,
    "everspot data",
  ],
])("%s", (_, ill, name, what, next) => {
  const all = diagnose(ill);
  expect(all.find((e) => e.name === name)).toMatchObject({ state: "ill", what: expect.stringMatching(what) });
  expect(nextOf(all)).toBe(next);
});

test.each<[string, IllSite, string, RegExp, string]>([
  [
    "what an instance noticed",
    site({
      alerts: [
        { kind: "disk", about: undefined, text: "the disk is 91 % full", since: "2026-11-21T11:00:00.000Z" },
      ],
    }),
    "disk",
    /91 % full/,
    "everspot status",
  ],
  [
    "a job that failed",
    site({
      alerts: [{ kind: "job", about: "nightly", text: "nightly failed", since: "2026-11-21T11:00:00.000Z" }],
    }),
    "job nightly",
    /nightly failed/,
    "everspot jobs",
  ],
  [
    "maintenance",
    site({
      answer: { url, milliseconds: 5, status: 503 },
      maintenance: { since: "2026-11-21T11:00:00.000Z", by: "ann@laptop", allow: [] },
    }),
    "answer",
    /maintenance is on since .* by ann@laptop/,
    "everspot maintenance off",
  ],
  [
    "mail to nobody",
    site({ mail: { email: "ann@example.com", confirmed: false } }),
    "notices",
    /gets no mail/,
    "everspot notify test",
  ],
  [
    "more than the budget",
    site({ spend: { spent: 12, forecast: undefined, monthly: 10 } }),
    "spend",
    /\$12\.00 of \$10\.00/,
    "everspot plan",
  ],
  [
    "a release that did not serve",
    site({
      release: { ...status.release, quarantined: { id: "r3", at: "", reason: "no answer", lines: ["boom"] } },
    }),
    "release",
    /r3 did not serve/,
    "everspot deploy",
  ],
])("odd, but not ill: %s", (_, odd, name, what, next) => {
  const all = diagnose(odd);
  expect(all.filter((e) => e.state === "ill")).toEqual([]);
  expect(all.find((e) => e.name === name)).toMatchObject({ state: "odd", what: expect.stringMatching(what) });
  expect(nextOf(all)).toBe(next);
});

test("of several, the first in the order in which one needs the other comes next", () => {
  const all = diagnose(
    site({ instances: [], records: [], answer: { url, milliseconds: 1, error: "refused" } }, [failure]),
  );
  expect(all.filter((e) => e.state === "ill").map((e) => e.name)).toEqual([
    "fleet",
    "instance",
    "record",
    "answer",
  ]);
  expect(nextOf(all)).toBe("everspot up");
});
