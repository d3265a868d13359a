import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { core } from "zod/mini";
import { appFolderLinks } from "../../../agent/keeping/unit-files.ts";
import { appEnvironment, prepareScript } from "../../../agent/serving/app-environment.ts";
import { askHealth } from "../../../agent/serving/health.ts";
import { siteNginx } from "../../../agent/serving/site-nginx.ts";
import { kept } from "../../../agent/system/paths.ts";
import { shapeOf, valuesOf } from "../../../provisioner/config/keys.ts";
import { siteFile } from "../../../provisioner/config/schema.ts";
import { bootConfig } from "../../../user-data/boot-config.ts";
import { renderBootstrap } from "../../../user-data/render.ts";
import { accepted, acceptedConfig } from "./arbitrary.ts";

const certificate = { fullchain: "/c/fullchain.pem", key: "/c/privkey.pem", source: "stored" } as const;

/** The keys that a schema has; those that a value of it has. What stands under any name is a "*". */
function keysOf(schema: core.$ZodType, at = ""): string[] {
  const values = valuesOf(schema);
  const shape = shapeOf(schema) ?? (values === undefined ? {} : { "*": values });
  const below = Object.entries(shape).flatMap(([name, inner]) => keysOf(inner, `${at}.${name}`));
  return below.length === 0 ? [at] : below;
}
function keysIn(value: unknown, schema: core.$ZodType | undefined, at = ""): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [at] : value.flatMap((v) => keysIn(v, schema, at));
  const shape = schema && shapeOf(schema);
  const values = schema && valuesOf(schema);
  if (typeof value !== "object" || value === null || (shape ?? values) === undefined) return [at];
  return Object.entries(value).flatMap(([name, inner]) =>
    shape === undefined ? keysIn(inner, values, `${at}.*`) : keysIn(inner, shape[name], `${at}.${name}`),
  );
}

test("every configuration that is accepted can be rendered, and the instance reads it as it was", () => {
  const tried = new Set<string>();
  fc.assert(
    fc.property(accepted, ({ table, config }) => {
      for (const key of keysIn(table, siteFile)) tried.add(key);
      siteNginx(config, "127.0.0.9", certificate);
      appEnvironment(config, "r000001", "/releases/r000001", {});
      prepareScript(config.app.beforeStart);
      if (config.state !== undefined) appFolderLinks(kept, config.state);
      const [, json = ""] =
        /'EVERSPOT_BOOT_CONFIG'\n(.*)\nEVERSPOT_BOOT_CONFIG\n/.exec(renderBootstrap(config)) ?? [];
      expect(bootConfig.parse(JSON.parse(json))).toEqual(config);
    }),
    { numRuns: 100 },
  );
  expect([...tried].sort()).toEqual(keysOf(siteFile).sort());
});

describe("the health check", () => {
  let folder: string;
  let asked: string[];
  let server: http.Server;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "everspot-health-"));
    server = http.createServer((request, answer) => {
      asked.push(`${request.headers.host} ${request.url}`);
      answer.end();
    });
    await new Promise<void>((resolve) => server.listen(path.join(folder, "app.sock"), resolve));
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  test("can be asked of every configuration that is accepted, and comes to the app as it is written", async () => {
    const socket = path.join(folder, "app.sock");
    await fc.assert(
      fc.asyncProperty(acceptedConfig, async ({ app, domain }) => {
        asked = [];
        expect(await askHealth(socket, app.health, domain)).toEqual({
          ok: true,
          seen: "HTTP 200",
          status: 200,
        });
        expect(asked).toEqual([`${domain} ${app.health}`]);
        expect(new URL(`https://${domain}${app.health}`).href).toBe(`https://${domain}${app.health}`);
      }),
      { numRuns: 50 },
    );
  });
});
