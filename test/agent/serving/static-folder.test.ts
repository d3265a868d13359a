import { execFileSync } from "node:child_process";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AppMachine, prepareApp, switchTo } from "../../../agent/serving/app.ts";
import { dropOldStatic, keepStatic, pruneStatic } from "../../../agent/serving/static-folder.ts";
import { systemClock } from "../../../agent/site/clock.ts";
import type { Units } from "../../../agent/system/units.ts";
import { bootConfigOf } from "../boot-config.ts";

let folder: string;
let release: string;
/** What stands for all that is root's. */
let others: string;
/** What `before_start` does in the static folder that it is given. */
let beforeStart: (given: string) => Promise<void>;
let active: boolean;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "static-"));
  release = join(folder, "releases/r1");
  others = join(folder, "others");
  await mkdir(join(release, "static"), { recursive: true });
  await writeFile(join(release, "static/packed.css"), "packed");
  await mkdir(join(others, "inner"), { recursive: true });
  await writeFile(join(others, "privkey.pem"), "key", { mode: 0o600 });
  active = false;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const units: Units = {
  state: async () => ({ active: active ? "active" : "inactive", sub: "", restarts: 0, result: "success" }),
  start: async () => beforeStart(join(folder, "static/.r1.next")),
  stop: async () => {},
  kill: async () => {},
  reload: async () => {},
  reset: async () => {},
  readFiles: async () => {},
  list: async () => [],
  lines: async () => ["+ collectstatic", "it failed"],
};

function machine(env: Record<string, string> = {}): AppMachine {
  const app = { static: [{ url: "/static/", folder: "static" }], beforeStart: ["collectstatic"], env };
  return {
    units,
    patience: { ...systemClock, slowness: () => 1 },
    config: bootConfigOf({ app }),
    ...{ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    environment: join(folder, "environment"),
    static: join(folder, "static"),
    unitFiles: join(folder, "units"),
    kept: { databases: join(folder, "databases"), media: join(folder, "media") },
    links: {
      socket: join(folder, "app.sock"),
      release: join(folder, "release"),
      static: join(folder, "link"),
      staticBefore: join(folder, "before"),
    },
    socketOf: (id) => join(folder, `${id}.sock`),
  };
}
const prepare = (env?: Record<string, string>) => prepareApp(machine(env), "r1", release, {});
const served = (file: string) => readFile(join(folder, "link", file), "utf8");

/** Everything about what is not the app's: names, owners, modes, times of change, contents. */
async function lookOfOthers(): Promise<unknown[]> {
  const names = [".", ...(await readdir(others, { recursive: true }))].sort();
  return Promise.all(
    names.map(async (name) => {
      const { uid, gid, mode, ctimeNs, mtimeNs } = await lstat(join(others, name), { bigint: true });
      return { name, uid, gid, mode, ctimeNs, mtimeNs };
    }),
  );
}

test("before_start writes beside what was packed, in a folder of its own; the release stays as it was", async () => {
  beforeStart = (given) => writeFile(join(given, "made.css"), "made");
  expect(await prepare()).toBe("1 command");
  await switchTo(machine(), "r1", release);
  expect(await served("made.css")).toBe("made");
  expect(await served("packed.css")).toBe("packed");
  expect(await readdir(join(release, "static"))).toEqual(["packed.css"]);
});

const evil: Record<string, (given: string) => Promise<unknown>> = {
  "a link to a folder": (given) => symlink(others, join(given, "x")),
  "a link to a file": (given) => symlink(join(others, "privkey.pem"), join(given, "x")),
  "a loop": (given) => symlink(".", join(given, "x")),
  "a loop out of itself": (given) => symlink("../.r1.next", join(given, "x")),
  "a link to nothing": (given) => symlink(join(others, "new"), join(given, "x")),
  "a FIFO": async (given) => execFileSync("mkfifo", [join(given, "x")]),
  "a folder nobody may enter": (given) => mkdir(join(given, "x"), { mode: 0 }),
  "a link with the name of what was packed": async (given) => {
    await rm(join(given, "packed.css"));
    await symlink(join(others, "privkey.pem"), join(given, "packed.css"));
  },
};

test.each(Object.entries(evil))("a try that leaves %s changes nothing outside", async (_, plant) => {
  const before = await lookOfOthers();
  beforeStart = async (given) => {
    await plant(given);
    throw new Error("exit code 1");
  };
  await expect(prepare()).rejects.toThrow("before_start failed");

  const found: string[] = [];
  beforeStart = async (given) => {
    found.push(...(await readdir(given)));
    await plant(given);
  };
  await prepare();
  expect(found).toEqual(["packed.css"]);
  beforeStart = async () => {};
  await prepare({ OTHER: "environment" });
  await dropOldStatic(machine().static, "r1");
  expect(await readdir(machine().static)).toEqual(["r1"]);
  await pruneStatic(machine().static, new Set());
  expect(await readdir(machine().static)).toEqual([]);
  expect(await lookOfOthers()).toEqual(before);
});

test("a link that was packed is handed over as the link it is: what it leads to stays root's", async () => {
  await symlink(join(others, "privkey.pem"), join(release, "static/x"));
  await symlink(others, join(release, "static/y"));
  const before = await lookOfOthers();
  beforeStart = async (given) => {
    for (const link of ["x", "y"])
      expect(await lstat(join(given, link))).toMatchObject({ uid: 4711, gid: 4711 });
  };
  await prepareApp({ ...machine(), uid: 4711, gid: 4711 }, "r1", release, {});
  expect(await lookOfOthers()).toEqual(before);
});

test("a link among the static files is reported, for it is not served", async () => {
  beforeStart = (given) => symlink("../../source.css", join(given, "linked.css"));
  expect(await prepare()).toContain("links among the static files are not served, such as linked.css");
});

test("an app that runs keeps its files while before_start runs again", async () => {
  beforeStart = (given) => writeFile(join(given, "made.css"), "first");
  await prepare();
  await switchTo(machine(), "r1", release);
  active = true;
  beforeStart = async (given) => {
    expect(await served("made.css")).toBe("first");
    await writeFile(join(given, "made.css"), "second");
  };
  await prepare({ OTHER: "environment" });
  expect(await served("made.css")).toBe("second");
  const old = (await readdir(machine().static)).filter((name) => name.startsWith(".r1.old."));
  expect(old).toHaveLength(1);
  expect(await readFile(join(machine().static, old[0] ?? "", "made.css"), "utf8")).toBe("first");
});

test("after a swap in place the files of the release before stay within reach", async () => {
  beforeStart = async () => {};
  await prepare();
  await switchTo(machine(), "r1", release);
  await expect(readlink(join(folder, "before"))).rejects.toThrow("ENOENT");
  await switchTo(machine(), "r2", join(folder, "releases/r2"));
  await switchTo(machine(), "r2", join(folder, "releases/r2"));
  expect(await readlink(join(folder, "link"))).toBe(join(folder, "static/r2"));
  expect(await readlink(join(folder, "before"))).toBe(join(folder, "static/r1"));
});

test("of releases that are not wanted any more nothing is left", async () => {
  for (const id of ["r1", "r2"]) {
    await mkdir(join(folder, "static", `.${id}.next`), { recursive: true });
    await keepStatic(machine().static, id);
    await mkdir(join(folder, "static", `.${id}.next`));
  }
  await mkdir(join(folder, "static/.0123456789ab.gone"));
  await pruneStatic(machine().static, new Set(["r2"]));
  expect((await readdir(machine().static)).sort()).toEqual([".r2.next", "r2"]);
});

test.each(["../x", ".", "", "a\\b", "a\nb", "a/../b"])("%s cannot be the folder", async (name) => {
  const odd = machine();
  odd.config.app.static = [{ url: "/static/", folder: name }];
  await expect(prepareApp(odd, "r1", release, {})).rejects.toThrow("cannot be the folder of static files");
});

test("each of several folders has a place of its own, which links and units know", async () => {
  const two = machine();
  two.config.app.static = [
    { url: "/static/", folder: "static" },
    { url: "/assets/", folder: "web/dist" },
  ];
  await mkdir(join(release, "web/dist"), { recursive: true });
  await writeFile(join(release, "web/dist/app.js"), "packed");
  beforeStart = () => writeFile(join(folder, "static-1/.r1.next/made.js"), "made");
  await prepareApp(two, "r1", release, {});
  await switchTo(two, "r1", release);
  expect(await served("packed.css")).toBe("packed");
  expect((await readdir(join(folder, "link-1"))).sort()).toEqual(["app.js", "made.js"]);
  await switchTo(two, "r2", join(folder, "releases/r2"));
  expect(await readlink(join(folder, "before-1"))).toBe(join(folder, "static-1/r1"));
  const unit = await readFile(join(folder, "units/everspot-prepare@.service.d/static.conf"), "utf8");
  expect(unit).toContain(`BindPaths=${folder}/static-1/.%i.next:/var/lib/everspot/releases/%i/web/dist\n`);
});

test("units read what they were given", async () => {
  beforeStart = async () => {};
  await prepare();
  const text = (unit: string) => readFile(join(folder, "units", `${unit}.service.d/static.conf`), "utf8");
  const target = "/var/lib/everspot/releases/%i/static";
  expect(await text("everspot-prepare@")).toContain(`BindPaths=${folder}/static/.%i.next:${target}\n`);
  expect(await text("everspot-app@")).toContain(`BindReadOnlyPaths=-${folder}/static/%i:${target}\n`);
});
