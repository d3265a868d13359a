/** Every command, with each of its requests failing once, in each of the ways that pass. */
import { afterEach, describe, expect, test } from "vitest";
import { passing } from "../cloud/wire/passing.ts";
import { AwsError, type Call, internalError } from "../cloud/wire/server.ts";
import { beforeLife, life } from "../provisioner/commands/life.ts";
import type { SwapSite } from "../provisioner/deploy/swapping.ts";

const rows = new Map(passing.map((row) => [row.operation, row]));
const nameOf = ({ service, operation }: Call) => `${service}.${operation}`;
const ofRow = (call: Call) => {
  const { operation, code, status } = rows.get(nameOf(call)) ?? {};
  return new AwsError(code ?? "InternalError", `${operation} fails once`, status ?? 500);
};

/** The same for the same wish, whatever nonce it carries. */
const requestOf = (call: Call) => {
  const { Body: _, ClientToken: __, clientToken: ___, ...input } = call.input as Record<string, unknown>;
  return `${nameOf(call)} ${JSON.stringify(input)}`;
};

let site: SwapSite | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

describe("every request fails once", () => {
  test.each([
    ["with the code of its row", ofRow],
    ["by an error of the server", internalError],
  ])("%s", async (_, error) => {
    site = await beforeLife();
    const failed = new Set<string>();
    site.cloud.wire.before((call) => {
      if (call.accessKeyId !== "AKIATEST" || failed.has(requestOf(call))) return;
      failed.add(requestOf(call));
      throw error(call);
    });
    for (const [name, command] of Object.entries(life)) {
      failed.clear();
      await command(site).catch((cause: unknown) => {
        throw new Error(`${name} fails`, { cause });
      });
    }
    expect(site.agents.failures).toEqual([]);
    expect(site.cloud.faults()).toEqual([]);
  });
});
