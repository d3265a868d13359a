import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Debian, Offer } from "../../../agent/packages/debian.ts";
import { Packages } from "../../../agent/packages/ensure.ts";
import { systemClock } from "../../../agent/site/clock.ts";
import { readDocument } from "../../../agent/site/document.ts";
import {
  type IndexDates,
  packageFloorDocument,
  packageLayerDocument,
  packageLayerKey,
  type Wanted,
} from "../../../agent/site/layers.ts";
import { keys } from "../../../agent/site/names.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { type LocalS3, startS3 } from "../site/s3.ts";

let local: LocalS3;
let folder: string;
beforeEach(async () => {
  local = await startS3();
  folder = await mkdtemp(join(tmpdir(), "everspot-packages-"));
});
afterEach(async () => {
  await local.close();
  await rm(folder, { recursive: true, force: true });
});

/** A machine: a .deb is a file whose content is the package's name. */
class Machine implements Debian {
  readonly installed = new Set<string>();
  readonly log: string[] = [];
  mirror = true;
  running = 0;
  news: Offer[] = [];
  indexed = "2026-11-01T00:00:00.000Z";

  async offers() {
    return this.news;
  }
  async missing(names: readonly string[]) {
    return names.filter((name) => !this.installed.has(name));
  }
  async download(wanted: Wanted, into: string) {
    if (!this.mirror) throw new Error("no mirror");
    this.log.push("download");
    await mkdir(into, { recursive: true });
    const names = [...wanted.lean, ...(wanted.full ?? [])].filter((name) => !this.installed.has(name));
    for (const name of names) await writeFile(join(into, `${name}_1%3a2_all.deb`), name);
    return names.map((name) => `${name}_1%3a2_all.deb`).sort();
  }
  async pack() {
    return { files: [], dates: { "trixie-security": this.indexed } };
  }
  async check(from: string, _: readonly string[], since: IndexDates) {
    for (const date of Object.values(since)) if (date > this.indexed) throw new Error(`older than ${date}`);
    return { folder: from, index: { "trixie-security": this.indexed }, expired: [] };
  }
  async install(from: string, files: readonly string[]) {
    this.log.push("install");
    expect(++this.running).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const file of files) this.installed.add(await readFile(join(from, file), "utf8"));
    this.running--;
  }
}

const wanted: Wanted = { lean: ["nginx"], full: ["python3-django"] };
const on = (debian: Machine, image = "ami-1") =>
  new Packages({
    debian,
    store: local.store,
    image,
    arch: "x64",
    instance: "i-1",
    folder: join(folder, "packages"),
    clock: systemClock,
    marks: join(folder, `marks-${Math.random()}`),
    inherited: false,
    trial: async () => false,
  });
const layer = async (image = "ami-1") =>
  (await readDocument(local.store, packageLayerDocument(packageLayerKey(image, "x64", wanted)))).value
    ?.current;

async function firstMachine(): Promise<Machine> {
  const debian = new Machine();
  const packages = on(debian);
  const ensured = await packages.ensure(wanted);
  expect(ensured).toMatchObject({ from: "mirror", packages: ["nginx", "python3-django"] });
  await packages.keep();
  return debian;
}

test("the first machine uses the mirror and keeps exactly what it installed", async () => {
  await firstMachine();
  const kept = await layer();
  expect(kept).toMatchObject({
    by: "i-1",
    files: ["nginx_1%3a2_all.deb", "python3-django_1%3a2_all.deb"],
  });
  expect((await local.store.head(keys.layer(kept?.sha256 ?? "")))?.size).toBe(kept?.size);
  expect(await readdir(join(folder, "packages"))).toEqual([]);
});

test("the next machine of the same image needs no mirror", async () => {
  await firstMachine();
  const next = new Machine();
  next.mirror = false;
  const ensured = await on(next).ensure(wanted);
  expect(ensured).toMatchObject({ from: "layer", problem: undefined });
  expect(next.log).toEqual(["install"]);
  expect([...next.installed].sort()).toEqual(["nginx", "python3-django"]);
  expect(await readdir(join(folder, "packages"))).toEqual([]);
});

test("another image or list has a layer of its own", async () => {
  await firstMachine();
  expect((await on(new Machine(), "ami-2").ensure(wanted)).from).toBe("mirror");
  expect((await on(new Machine()).ensure({ lean: ["nginx", "python3-django"] })).from).toBe("mirror");
  const reordered = { lean: ["b", "a", "a"], full: [] };
  expect(packageLayerKey("ami-1", "x64", reordered)).toBe(
    packageLayerKey("ami-1", "x64", { lean: ["a", "b"] }),
  );
  expect(packageLayerKey("ami-1", "x64", wanted)).not.toBe(packageLayerKey("ami-1", "arm64", wanted));
});

describe("a layer that cannot be used is named, and the mirror takes over:", () => {
  const fromMirror = async (problem: RegExp) => {
    const next = new Machine();
    const packages = on(next);
    const ensured = await packages.ensure(wanted);
    expect(ensured.from).toBe("mirror");
    expect(ensured.problem).toMatch(problem);
    expect(await next.missing(["nginx", "python3-django"])).toEqual([]);
    await packages.keep();
    expect((await on(new Machine()).ensure(wanted)).from).toBe("layer");
  };
  test("damaged", async () => {
    await firstMachine();
    await local.store.put(keys.layer((await layer())?.sha256 ?? ""), "something else");
    await fromMirror(/packages layer is damaged/);
  });
  test("made for other contents", async () => {
    await firstMachine();
    const kept = await layer();
    await local.store.put(
      keys.layerPointer(packageLayerKey("ami-1", "x64", wanted)),
      JSON.stringify({ version: 2, nonce: "x", current: { ...kept, files: ["../etc/passwd"] } }),
    );
    await fromMirror(/cannot be read: current\.files/);
  });
});

test("a layer that is older than the site's packages were already is not used", async () => {
  await firstMachine();
  const key = packageLayerKey("ami-1", "x64", wanted);
  const floor = (date: string) =>
    local.store.put(
      packageFloorDocument.key,
      JSON.stringify({ version: 1, nonce: "x", since: { [key]: { "trixie-security": date } } }),
    );
  await floor("2026-11-02T00:00:00.000Z");
  const ensured = await on(new Machine()).ensure(wanted);
  expect(ensured).toMatchObject({
    from: "mirror",
    problem: "layer not used: older than 2026-11-02T00:00:00.000Z",
  });
  await floor("2026-11-01T00:00:00.000Z");
  expect((await on(new Machine()).ensure(wanted)).from).toBe("layer");
});

test("that the oldest allowed cannot be read is reported, and stops no one", async () => {
  await firstMachine();
  await local.store.put(packageFloorDocument.key, "not JSON");
  const ensured = await on(new Machine()).ensure(wanted);
  expect(ensured.from).toBe("layer");
  expect(ensured.problem).toMatch(/^how old its packages may be is not known: packages\.json is not JSON/);
});

test("what could not be kept is kept later", async () => {
  const packages = on(new Machine());
  await packages.ensure(wanted);
  const refusal = new AwsError("AccessDenied", "not now", 403);
  local.server.disturb("s3", "PutObject", { error: refusal });
  await expect(packages.keep()).rejects.toThrow();
  expect(await layer()).toBeUndefined();
  await packages.keep();
  expect((await layer())?.files).toHaveLength(2);
});

test("what the next machine would refuse is not kept, and is in no other layer's way", async () => {
  const debian = new Machine();
  const packages = on(debian);
  await packages.ensure({ lean: ["certbot"] });
  await packages.ensure(wanted);
  debian.pack = async () => {
    throw new Error("not in Debian's index");
  };
  await expect(packages.keep()).rejects.toThrow("not in Debian's index");
  debian.pack = Machine.prototype.pack;
  await packages.keep();
  expect(await layer()).toBeDefined();
  expect((await local.store.list(keys.layersPrefix)).filter(({ key }) => key.endsWith(".json"))).toHaveLength(
    1,
  );
});

test("two who keep at once do not get into each other's way", async () => {
  const packages = on(new Machine());
  await packages.ensure(wanted);
  await packages.ensure({ lean: ["certbot"] });
  await Promise.all([packages.keep(), packages.keep()]);
  const uploads = local.server.calls.filter(
    (c) => c.operation === "PutObject" && String((c.input as { Key?: string }).Key).endsWith(".tar.gz"),
  );
  expect(uploads).toHaveLength(2);
  expect((await on(new Machine()).ensure(wanted)).from).toBe("layer");
});

test("what is there already costs nothing and does not wait", async () => {
  const debian = new Machine();
  debian.installed.add("nginx").add("python3-django");
  expect(await on(debian).ensure(wanted)).toMatchObject({ from: "present" });
  expect(debian.log).toEqual([]);
  expect(local.server.calls.filter((c) => c.operation === "GetObject")).toEqual([]);
});

test("two needs are installed one after the other, and a failure of one does not stop the next", async () => {
  const debian = new Machine();
  const packages = on(debian);
  await Promise.all([packages.ensure(wanted), packages.ensure({ lean: ["certbot"] })]);
  expect(debian.log).toEqual(["download", "install", "download", "install"]);
  debian.mirror = false;
  await expect(packages.ensure({ lean: ["absent"] })).rejects.toThrow("no mirror");
  debian.mirror = true;
  expect((await packages.ensure({ lean: ["absent"] })).from).toBe("mirror");
});

test("another process keeps what this one installed, and looks after it", async () => {
  const debian = new Machine();
  const first = on(debian);
  await first.ensure(wanted);
  const next = on(debian);
  next.resume(JSON.parse(JSON.stringify(first.memory)));
  await next.keep();
  expect(await layer()).toBeDefined();
  expect(next.memory).toEqual({ ...first.memory, fresh: [] });
  expect(next.memory.used).toHaveLength(1);
});
