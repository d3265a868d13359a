import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { keptPaths } from "../../../provisioner/commands/pack-for.ts";

test("what [state] keeps is in no release, where the project has it by that name; but code is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "everspot-kept-"));
  const state = (media: string) => ({ database: ["$STATE_DIRECTORY/db.sqlite3"], media }) as never;
  try {
    expect(keptPaths({ folder, state: undefined })).toEqual([]);
    for (const media of ["media", "$STATE_DIRECTORY/media"]) {
      expect(keptPaths({ folder, state: state(media) })).toEqual(["db.sqlite3", "media"]);
    }
    await mkdir(join(folder, "media"));
    await writeFile(join(folder, "media/__init__.py"), "");
    expect(keptPaths({ folder, state: state("$STATE_DIRECTORY/media") })).toEqual(["db.sqlite3"]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
