import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Debian, type Offer, packageOf, parseOffers } from "../../../agent/packages/debian.ts";
import { Packages } from "../../../agent/packages/ensure.ts";
import { securityUpdates } from "../../../agent/packages/renewal.ts";
import { readDocument } from "../../../agent/site/document.ts";
import {
  type IndexDates,
  packageLayerDocument,
  packageLayerKey,
  type Wanted,
} from "../../../agent/site/layers.ts";
import { keys } from "../../../agent/site/names.ts";
import { ManualClock } from "../../cloud/manual-clock.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

const INDEXED = "2026-11-01T00:00:00.000Z";
const WEEK = 7 * 86_400_000;
const wanted: Wanted = { lean: ["nginx", "python3"] };
const key = packageLayerKey("ami-1", "x64", wanted);

let local: LocalS3;
let folder: string;
let clock: ManualClock;
/** What every machine's mirror has. */
let mirror: Offer[];
beforeEach(async () => {
  local = await startS3();
  folder = await mkdtemp(join(tmpdir(), "everspot-renewal-"));
  // A layer's age is by the machine's own time, which goes on a little meanwhile.
  clock = new ManualClock(Date.now() + 60_000);
  mirror = [offer("nginx", "1"), offer("python3", "1")];
});
afterEach(async () => {
  await local.close();
  await rm(folder, { recursive: true, force: true });
});

const offer = (name: string, version: string, security = false): Offer => ({ name, version, security });
const security = () => {
  mirror = [offer("nginx", "2", true), offer("python3", "1")];
};

/** An instance and its disk. A .deb is a file whose content is "<name> <version>". */
class Instance implements Debian {
  readonly installed = new Map<string, string>();
  readonly packages: Packages;
  asked = 0;
  /** Versions it cannot install. */
  readonly broken = new Set<string>();
  trial = false;

  constructor(
    readonly id: string,
    readonly disk = join(folder, id),
    inherited = false,
  ) {
    this.packages = new Packages({
      ...{ debian: this, store: local.store, clock, image: "ami-1", arch: "x64", instance: id, inherited },
      ...{ folder: join(disk, "packages"), marks: join(disk, "layers") },
      trial: async () => this.trial,
    });
  }
  async missing(names: readonly string[]) {
    return names.filter((name) => !this.installed.has(name));
  }
  async offers() {
    this.asked += 1;
    return mirror;
  }
  async download(_: Wanted, into: string) {
    await mkdir(into, { recursive: true });
    const files = mirror.map(({ name, version }) => `${name}_${version}_all.deb`);
    for (const file of files) await writeFile(join(into, file), file);
    return files;
  }
  async pack() {
    return { files: [], dates: { "trixie-security": INDEXED } };
  }
  async check(from: string, _: readonly string[], since: IndexDates) {
    for (const date of Object.values(since)) if (date > INDEXED) throw new Error(`older than ${date}`);
    return { folder: from, index: { "trixie-security": INDEXED }, expired: [] };
  }
  async install(from: string, files: readonly string[]) {
    for (const file of files) {
      const { name, version } = packageOf(await readFile(join(from, file), "utf8"));
      if (this.broken.has(version)) throw new Error(`${file} cannot be installed`);
      this.installed.set(name, version);
    }
  }
}

const layer = async () => (await readDocument(local.store, packageLayerDocument(key))).value;
const filesOf = (version: { files: string[] } | undefined) => version?.files;
const OLD = ["nginx_1_all.deb", "python3_1_all.deb"];
const NEW = ["nginx_2_all.deb", "python3_1_all.deb"];

/** Has the site, and was the first. */
async function owner(): Promise<Instance> {
  const first = new Instance("i-1");
  await first.packages.ensure(wanted);
  await first.packages.keep();
  return first;
}
/** Boots in a swap. */
async function challenger(id: string): Promise<Instance> {
  const next = new Instance(id);
  next.trial = true;
  await next.packages.ensure(wanted);
  return next;
}

test("the owner looks once a week, keeps security updates as a candidate, and touches nothing of its own", async () => {
  const first = await owner();
  security();
  expect(await first.packages.renew()).toEqual([]);
  expect(first.asked).toBe(0);
  await clock.advance(WEEK);
  expect(await first.packages.renew()).toEqual(["nginx 2"]);
  const kept = await layer();
  expect(filesOf(kept?.current)).toEqual(OLD);
  expect(filesOf(kept?.candidate)).toEqual(NEW);
  expect((await local.store.head(keys.layer(kept?.candidate?.sha256 ?? "")))?.size).toBeGreaterThan(0);
  expect(first.installed.get("nginx")).toBe("1");
  await clock.advance(2 * WEEK);
  expect(await first.packages.renew()).toEqual([]);
  expect(first.asked).toBe(1);
});

test("what is newer but no security update waits, and is not asked for again before a week is over", async () => {
  const first = await owner();
  mirror = [offer("nginx", "2"), offer("python3", "1")];
  await clock.advance(WEEK);
  expect(await first.packages.renew()).toEqual([]);
  expect((await layer())?.candidate).toBeUndefined();
  const other = new Instance("i-2");
  await other.packages.ensure(wanted);
  await clock.advance(WEEK - 1000);
  await other.packages.renew();
  expect(other.asked).toBe(0);
  await clock.advance(1000);
  await other.packages.renew();
  expect(other.asked).toBe(1);
});

test("a candidate is tried by the next swap alone, and is current once that instance has the site", async () => {
  const first = await owner();
  security();
  await clock.advance(WEEK);
  await first.packages.renew();

  const healed = new Instance("i-2");
  await healed.packages.ensure(wanted);
  expect(healed.installed.get("nginx")).toBe("1");
  expect(await healed.packages.prove()).toBe(0);

  const next = await challenger("i-3");
  expect(next.installed.get("nginx")).toBe("2");
  const second = await challenger("i-4");
  expect(second.installed.get("nginx")).toBe("1");
  expect(await second.packages.prove()).toBe(0);
  expect(filesOf((await layer())?.current)).toEqual(OLD);

  expect(await next.packages.prove()).toBe(1);
  expect(await next.packages.prove()).toBe(0);
  const now = await layer();
  expect(filesOf(now?.current)).toEqual(NEW);
  expect(filesOf(now?.previous)).toEqual(OLD);
  expect(now?.candidate).toBeUndefined();
  const healedLater = new Instance("i-5");
  await healedLater.packages.ensure(wanted);
  expect(healedLater.installed.get("nginx")).toBe("2");
});

test("the proof survives a restart of the agent", async () => {
  const first = await owner();
  security();
  await clock.advance(WEEK);
  await first.packages.renew();
  const next = await challenger("i-3");
  const restarted = new Instance("i-3", next.disk);
  for (const [name, version] of next.installed) restarted.installed.set(name, version);
  await restarted.packages.ensure(wanted);
  expect(await restarted.packages.prove()).toBe(1);
  expect(filesOf((await layer())?.current)).toEqual(NEW);
});

test("a candidate that cannot be installed is dropped at once, and the boot goes on with what is current", async () => {
  const first = await owner();
  security();
  await clock.advance(WEEK);
  await first.packages.renew();
  const next = new Instance("i-2");
  next.trial = true;
  next.broken.add("2");
  const ensured = await next.packages.ensure(wanted);
  expect(ensured).toMatchObject({
    from: "layer",
    problem: "layer not used: nginx_2_all.deb cannot be installed",
  });
  expect(next.installed.get("nginx")).toBe("1");
  expect((await layer())?.candidate).toBeUndefined();
  expect(filesOf((await layer())?.current)).toEqual(OLD);
});

test("a candidate whose instance never had the site is dropped after an hour", async () => {
  const first = await owner();
  security();
  await clock.advance(WEEK);
  await first.packages.renew();
  await challenger("i-2");
  await first.packages.renew();
  expect((await layer())?.candidate?.tried?.instance).toBe("i-2");
  await clock.advance(3_600_000);
  await first.packages.renew();
  expect((await layer())?.candidate).toBeUndefined();
});

test("while a swap is under way no one looks", async () => {
  const first = await owner();
  security();
  await clock.advance(WEEK);
  first.trial = true;
  await first.packages.renew();
  expect(first.asked).toBe(0);
});

test("what is needed for one task alone is not renewed", async () => {
  const first = new Instance("i-1");
  await first.packages.ensure(wanted, undefined, true);
  await first.packages.keep();
  security();
  await clock.advance(WEEK);
  await first.packages.renew();
  expect(first.asked).toBe(0);
});

test("a machine from an image takes what became current since the image was made, and else nothing", async () => {
  const first = await owner();
  const copy = new Instance("i-2", first.disk, true);
  for (const [name, version] of first.installed) copy.installed.set(name, version);
  expect(await copy.packages.ensure(wanted)).toMatchObject({ from: "present", packages: [] });

  security();
  await clock.advance(WEEK);
  await first.packages.renew();
  await (await challenger("i-3")).packages.prove();
  const later = new Instance("i-4", first.disk, true);
  for (const [name, version] of first.installed) later.installed.set(name, version);
  expect(await later.packages.ensure(wanted)).toMatchObject({ from: "layer" });
  expect(later.installed.get("nginx")).toBe("2");
  expect(await later.packages.ensure(wanted)).toMatchObject({ from: "present" });
});

test("apt's own words", () => {
  const said = `Reading package lists...
Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security, Debian:13.2/stable [amd64]) []
Inst nginx-common (1.26.3-3 Debian:13.2/stable [all])
Inst iproute2 [6.15.0-1] (6.15.0-2 Debian:13.2/stable [amd64])
Conf nginx-common (1.26.3-3 Debian:13.2/stable [all])
`;
  expect(parseOffers(said)).toEqual([
    offer("libssl3t64", "3.5.1-1+deb13u1", true),
    offer("nginx-common", "1.26.3-3"),
    offer("iproute2", "6.15.0-2"),
  ]);
  const files = ["libssl3t64_3.5.1-1_amd64.deb", "nginx-common_1.26.3-3_all.deb"];
  expect(securityUpdates(files, parseOffers(said))).toEqual(["libssl3t64 3.5.1-1+deb13u1"]);
  expect(securityUpdates(["libssl3t64_3.5.1-1+deb13u1_amd64.deb"], parseOffers(said))).toEqual([]);
});
