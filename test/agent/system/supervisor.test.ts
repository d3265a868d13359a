import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemdSupervisor } from "../../../agent/system/supervisor.ts";

let folder: string;
let program: string;
const troubles: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "supervisor-"));
  program = join(folder, "systemd-notify");
  await writeFile(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >>${folder}/told\n`);
  await chmod(program, 0o755);
  troubles.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const supervisor = (env: NodeJS.ProcessEnv) =>
  systemdSupervisor(env, (message) => troubles.push(message), program);
const told = () => readFile(join(folder, "told"), "utf8").catch(() => undefined);

test("systemd is told at its own socket", async () => {
  await supervisor({ NOTIFY_SOCKET: "/run/systemd/notify" }).alive();
  expect(await told()).toBe("/run/systemd/notify WATCHDOG=1\n");
  expect(troubles).toEqual([]);
});

test("outside of a unit nothing is sent", async () => {
  await supervisor({}).alive();
  expect(await told()).toBeUndefined();
});

test("that it could not be told is no reason to end", async () => {
  await writeFile(program, "#!/bin/sh\nexit 1\n");
  await supervisor({ NOTIFY_SOCKET: "/run/systemd/notify" }).alive();
  expect(troubles).toEqual([expect.stringContaining("systemd could not be notified")]);
});
