import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { passing } from "../../cloud/wire/passing.ts";
import { AwsError, type Call } from "../../cloud/wire/server.ts";
import type { SwapSite } from "../deploy/swapping.ts";
import { beforeLife, life } from "./life.ts";

/** Those whose calls the others do not make; test/system/passing.test.ts has all. */
const COMMANDS = ["plan", "up", "up, changed", "status", "secret set", "github", "deploy", "bake"] as const;
const LAST = ["drill with notice", "down"] as const;

const rows = new Map(passing.map((row) => [row.operation, row]));
let site: SwapSite;
/** Operations that failed in the command that runs. */
const failed = new Set<string>();
const unknown = new Set<string>();

beforeAll(async () => {
  site = await beforeLife();
  site.cloud.wire.before((call) => {
    if (call.accessKeyId !== "AKIATEST") return;
    const row = rows.get(byId(call)) ?? rows.get(nameOf(call));
    if (row === undefined) unknown.add(nameOf(call));
    if (row === undefined || failed.has(row.operation)) return;
    failed.add(row.operation);
    throw new AwsError(row.code, `${row.operation} fails once`, row.status);
  });
});
afterAll(() => site.close());

const nameOf = ({ service, operation }: Call) => `${service}.${operation}`;
const byId = (call: Call) =>
  Object.keys(call.input).some((k) => /Ids?$/.test(k)) ? `${nameOf(call)}:id` : "";

describe("every call fails once with the code of its row, and the command succeeds:", () => {
  test.each([...COMMANDS, ...LAST])("%s", async (command) => {
    failed.clear();
    await life[command]?.(site);
    expect([...unknown], "not in the table").toEqual([]);
    expect(failed.size).toBeGreaterThan(0);
  });

  test("nothing is left of it, nor wrong", () => {
    expect(site.agents.failures).toEqual([]);
    expect(site.cloud.faults()).toEqual([]);
  });
});
