import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { readDocument } from "../../../agent/site/document.ts";
import { maintenanceDocument } from "../../../agent/site/documents/maintenance.ts";
import { bellDocument } from "../../../agent/site/runs/bell.ts";
import { runDeploy } from "../../../provisioner/commands/deploy.ts";
import { type MaintenanceOptions, runMaintenance } from "../../../provisioner/commands/maintenance.ts";
import { runStatus } from "../../../provisioner/commands/status.ts";
import { createTerminal } from "../../../provisioner/operator/terminal.ts";
import { deployOptions, openSwapSite, packed, type SwapSite } from "../deploy/swapping.ts";
import { openDesk } from "../site.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let site: SwapSite;
let folder: string;
/** What visitors get. */
let status: number;
beforeAll(async () => {
  site = await openSwapSite();
  folder = mkdtempSync(path.join(tmpdir(), "everspot-maintenance-"));
});
afterAll(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  site.forget();
  status = 200;
});

const tools = () => ({ ...site.tools, probe: async () => ({ status }) });
const maintenance = (word?: string, options: Partial<MaintenanceOptions> = {}) =>
  runMaintenance(site.config, tools(), { allow: [], page: undefined, ...options }, word);
const stored = async () => (await readDocument(site.store, maintenanceDocument)).value;

test("on is written for all instances, which the bell tells; status says so; off ends it", async () => {
  await maintenance();
  expect(site.json()).toMatchObject({ command: "maintenance", on: false });
  expect(await stored()).toBeUndefined();
  const bell = (await readDocument(site.store, bellDocument)).etag;

  writeFileSync(path.join(folder, "page.html"), "<h1>Soon</h1>");
  status = 503;
  await maintenance("on", { allow: ["203.0.113.7"], page: path.join(folder, "page.html") });
  expect(site.json()).toMatchObject({ on: true, status: 503, allow: ["203.0.113.7"], page: true });
  expect(await stored()).toMatchObject({
    ...{ on: true, by: "ann@laptop", allow: ["203.0.113.7"], page: "<h1>Soon</h1>" },
  });
  expect((await readDocument(site.store, bellDocument)).etag).not.toBe(bell);

  await runStatus(site.config, tools());
  const seen = site.json() as { maintenance: object; odd: string[] };
  expect(seen.maintenance).toMatchObject({ by: "ann@laptop", allow: ["203.0.113.7"] });
  expect(seen.odd).toContain("maintenance is on: `everspot maintenance off` ends it");
  expect(seen.odd.join()).not.toContain("does not answer 200");

  const nonce = (await stored())?.nonce;
  await maintenance("on", { allow: ["203.0.113.7"], page: path.join(folder, "page.html") });
  expect((await stored())?.nonce).toBe(nonce);

  status = 200;
  await maintenance("off");
  expect(site.json()).toMatchObject({ on: false, status: 200 });
  expect(await stored()).toMatchObject({ on: false, allow: [] });
});

test("a site that does not answer so is reported, and is in maintenance all the same", async () => {
  await maintenance("on");
  expect(site.said()).toContain("the site does not answer 503 to this computer");
  expect(await stored()).toMatchObject({ on: true });
});

test("a deploy works meanwhile, whose visitors are not lost; without maintenance it would not", async () => {
  status = 503;
  const deploy = (content: string) =>
    runDeploy(site.config, { ...tools(), pack: async () => packed(content) }, deployOptions);
  await deploy("another");
  expect(site.json()).toMatchObject({ result: "done", requests: { failed: 0 } });
  await maintenance("off").catch(() => undefined);
  await expect(deploy("a third")).rejects.toThrow();
});

test("lines fit 60 columns", async () => {
  const lines: string[] = [];
  const terminal = createTerminal({
    json: false,
    stdout: { write: (text) => lines.push(text) },
    stderr: { write: () => true },
  });
  const allow = ["203.0.113.7", "203.0.113.8"];
  await runMaintenance(site.config, { ...tools(), terminal }, { allow, page: undefined }, "on");
  const all = lines.join("").split("\n");
  expect(all.length).toBeGreaterThan(3);
  expect(all.filter((line) => line.length > 60)).toEqual([]);
});

describe("is refused before anything is asked of AWS:", () => {
  test.each<[string, string | undefined, Partial<MaintenanceOptions>, RegExp]>([
    ["another word", "yes", {}, /"on" or "off"/],
    ["an address for off", "off", { allow: ["203.0.113.7"] }, /belong to/],
    ["an address without a word", undefined, { allow: ["203.0.113.7"] }, /belong to/],
    ["a network", "on", { allow: ["203.0.113.0/24"] }, /not an IPv4 address/],
    ["IPv6", "on", { allow: ["2001:db8::1"] }, /not an IPv4 address/],
    ["a page that is not there", "on", { page: "/nowhere/page.html" }, /no such file/],
  ])("%s", async (_, word, options, message) => {
    const mark = site.cloud.mark();
    const error = await maintenance(word, options).catch((e: unknown) => e);
    expect(error).toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
    expect(site.cloud.mark()).toBe(mark);
  });
  test.each([
    ["", /is empty/],
    ["x".repeat(128 * 1024 + 1), /more than 128 KB/],
  ])("a page that cannot be one", async (text, message) => {
    const page = path.join(folder, "odd.html");
    writeFileSync(page, text);
    await expect(maintenance("on", { page })).rejects.toThrow(message);
  });
});

test("of a site that is not there", async () => {
  const desk = await openDesk();
  try {
    await expect(
      runMaintenance(desk.config, desk.tools, { allow: [], page: undefined }, "on"),
    ).rejects.toMatchObject({ message: "blog does not exist", hint: "`everspot up` brings it up" });
  } finally {
    await desk.close();
  }
});
