import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../../provisioner/config/load.ts";
import { prepareSite, STATELESS } from "../../../scripts/rehearsal/site.ts";

const SAMPLE = path.resolve(import.meta.dirname, "../../sites/guestbook");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-sample-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["keeps its entries", {}, { database: ["$STATE_DIRECTORY/guestbook.sqlite3"], durability: "fast" }],
  ["as a story of state has it", { ...STATELESS, state: { durability: "s3" } }, { durability: "s3" }],
  ["in the other stories does not", STATELESS, undefined],
])("the sample %s", async (_, overrides, state) => {
  await prepareSite(SAMPLE, folder, overrides);
  const config = await loadConfig(path.join(folder, "everspot.toml"));
  if (state === undefined) expect(config.state).toBeUndefined();
  else expect(config.state).toMatchObject({ ...state, database: ["$STATE_DIRECTORY/guestbook.sqlite3"] });
});
