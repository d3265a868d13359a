import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { appEnvironment } from "../../../agent/serving/app-environment.ts";
import { linkKept } from "../../../agent/serving/kept-links.ts";
import { bootConfigOf } from "../boot-config.ts";

const state = {
  ...{ database: ["data/db.sqlite3", "$STATE_DIRECTORY/b.sqlite3"], media: "media", mediaUrl: "/media/" },
  ...{ durability: "s3" as const, budget: 3, history: "7d", pause: 10 },
};
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-kept-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("a release finds what is kept where the configuration says, whatever it has there itself", async () => {
  const release = join(folder, "r1");
  const places = { databases: join(folder, "databases"), media: join(folder, "kept-media") };
  for (const path of [places.databases, places.media, join(release, "media")])
    await mkdir(path, { recursive: true });
  await mkdir(join(places.databases, "data"));
  await writeFile(join(places.databases, "data/db.sqlite3"), "kept");
  await writeFile(join(release, "media/old.png"), "of the release");
  for (const _ of ["once", "and again"]) {
    await linkKept(release, state, places);
    expect(await readFile(join(release, "data/db.sqlite3"), "utf8")).toBe("kept");
    expect(await readlink(join(release, "media"))).toBe(places.media);
  }
  // That one is linked as the app's own user, in its own folder.
  await expect(readlink(join(release, "b.sqlite3"))).rejects.toThrow("ENOENT");
});

test("the app runs behind the gate, which is told what it has to know", () => {
  const lines = appEnvironment(bootConfigOf({ state }), "r1", "/releases/r1", {}).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      'EVERSPOT_APP="everspot_state:application"',
      'EVERSPOT_STATE_APP="project.wsgi:application"',
      'EVERSPOT_STATE_DURABILITY="s3"',
      'EVERSPOT_STATE_LEASE="/run/everspot-state/shown/lease"',
      'EVERSPOT_STATE_DATABASES="/var/lib/everspot-state/databases/data/db.sqlite3:/var/lib/everspot-state/databases/b.sqlite3"',
    ]),
  );
  const path = lines.find((line) => line.startsWith("PYTHONPATH"));
  expect(path).toMatch(/^PYTHONPATH="\/run\/everspot-state\/python:\/releases\/r1\//);
  const plain = appEnvironment(bootConfigOf(), "r1", "/releases/r1", {});
  expect(plain).toContain('EVERSPOT_APP="project.wsgi:application"');
  expect(plain).not.toContain("STATE_");
});
