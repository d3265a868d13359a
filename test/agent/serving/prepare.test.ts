/** `before_start` after a rehearsal: what wrote nothing there is not run again while visitors wait. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type AppMachine, prepareApp } from "../../../agent/serving/app.ts";
import { systemClock } from "../../../agent/site/clock.ts";
import { bootConfigOf } from "../boot-config.ts";
import { Apps } from "../machine/apps.ts";

let apps: Apps;
let machine: AppMachine;
let release: string;
beforeEach(async () => {
  apps = await Apps.open();
  release = join(apps.folder, "releases", "r1");
  await mkdir(join(release, "static"), { recursive: true });
  await writeFile(join(release, "static", "packed.css"), "packed");
  const { units, kept, links, socketOf } = apps;
  machine = {
    ...{ units, kept, links, socketOf, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 },
    config: bootConfigOf({
      app: { beforeStart: ["migrate", "collectstatic"], static: [{ url: "/static/", folder: "static" }] },
    }),
    ...{ environment: join(apps.folder, "environment"), static: join(apps.folder, "static") },
    unitFiles: join(apps.folder, "units"),
    patience: { ...systemClock, slowness: () => 1 },
  };
});
afterEach(() => apps.close());

/** What `collectstatic` of the rehearsal made. */
async function rehearsed(): Promise<void> {
  await mkdir(join(machine.static, "rehearsal"), { recursive: true });
  await writeFile(join(machine.static, "rehearsal", "collected.css"), "collected");
}
const prepare = (steps: number) =>
  prepareApp(machine, "r1", release, {}, undefined, { steps, as: "rehearsal" });
const made = (name: string) => readFile(join(machine.static, "r1", name), "utf8");

test("nothing wrote: no command runs, and the static files are those of the rehearsal", async () => {
  await rehearsed();
  expect(await prepare(0)).toBe("nothing that the rehearsal left");
  expect(apps.log).toEqual([]);
  expect(await made("collected.css")).toBe("collected");
  expect(await prepare(0)).toBe("done before");
});

test("what comes after the last that wrote is left out", async () => {
  await rehearsed();
  expect(await prepare(1)).toMatch(/^1 command/);
  expect(apps.log).toEqual(["start everspot-prepare@r1.service"]);
  const script = await readFile(join(machine.environment, "r1.sh"), "utf8");
  expect(script).toContain("migrate");
  expect(script).not.toContain("collectstatic");
  expect(await made("collected.css")).toBe("collected");
});

test("where the rehearsal's files are gone, all of it runs", async () => {
  expect(await prepare(0)).toMatch(/^2 commands/);
  expect(await readFile(join(machine.environment, "r1.sh"), "utf8")).toContain("collectstatic");
  expect(await made("packed.css")).toBe("packed");
});

test("how long each command took is told with what was done", async () => {
  machine.units = {
    ...machine.units,
    lines: async () => ["+ migrate", "= 12.345 s: migrate", "+ collectstatic", "= 0.960 s: collectstatic"],
  };
  expect(await prepareApp(machine, "r1", release, {})).toBe(
    "2 commands: migrate 12.3 s, collectstatic 1.0 s",
  );
});
