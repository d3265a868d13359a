import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { beforeAll, expect, test } from "vitest";
import { openMirror } from "../cloud/mirror.ts";
import { ensureImage } from "../cloud/nspawn/image.ts";
import { hierarchies } from "../cloud/sandbox/cgroups.ts";
import { cacheDirectory, requireSandbox } from "../cloud/sandbox/sandbox.ts";

const root = path.resolve(import.meta.dirname, "../..");
const tsx = ["--import", path.join(root, "node_modules/tsx/dist/loader.mjs")];
const launcher = [...tsx, path.join(root, "scripts/sandbox.ts")];
const linger = ["node", ...tsx, path.join(root, "test/system/programs/linger.ts")];
const runs = path.join(cacheDirectory(), "run");

beforeAll(async () => {
  const sandbox = requireSandbox();
  const mirror = await openMirror(sandbox.mirrorSocket);
  await ensureImage(sandbox, "debian-13", { proxy: mirror.url });
  await mirror.close();
});

const inSandbox = (...command: string[]) =>
  execa(process.execPath, [...launcher, ...command], {
    reject: false,
    env: { AWS_PROFILE: "real", http_proxy: "x" },
  });

/** Starts a sandbox with everything in it that could be left behind. */
async function startLinger(): Promise<{ outer: ChildProcess; id: string; pids: number[] }> {
  const outer = spawn(process.execPath, [...launcher, ...linger], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  for await (const chunk of outer.stdout ?? []) {
    said += chunk;
    if (said.includes("ready")) break;
  }
  const id = /ready (\S+)/.exec(said)?.[1] ?? "";
  const pids = await processesOf(id);
  expect(pids.length).toBeGreaterThan(5);
  return { outer, id, pids };
}

async function groupsOf(id: string): Promise<string[]> {
  const { stdout } = await execa("find", ["/sys/fs/cgroup", "-path", `*/everspot-${id}*`, "-type", "d"], {
    reject: false,
  });
  return stdout.split("\n").filter(Boolean);
}

async function processesOf(id: string): Promise<number[]> {
  const texts = await Promise.all(
    (await groupsOf(id)).map((group) => readFile(path.join(group, "cgroup.procs"), "utf8").catch(() => "")),
  );
  return [...new Set(texts.join("\n").split("\n").filter(Boolean).map(Number))].filter((pid) => pid > 0);
}

const isAlive = (pid: number) =>
  stat(`/proc/${pid}`).then(
    () => true,
    () => false,
  );

async function leftOf(id: string, pids: readonly number[]) {
  const alive = await Promise.all(pids.map(isAlive));
  return {
    processes: pids.filter((_, i) => alive[i]),
    groups: await groupsOf(id),
    directory: await readdir(path.join(runs, id)).catch(() => "gone"),
    mounts: (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line.includes(id)),
  };
}

const nothing = { processes: [], groups: [], directory: "gone", mounts: [] };

test("only loopback exists, and the resolver asks 127.0.0.1", async () => {
  // 192.0.2.1 is TEST-NET-1: no one's address.
  const look = `ip -oneline link; ip route; (echo >/dev/tcp/192.0.2.1/80) 2>&1 | tail -n 1;
    cat /etc/resolv.conf; getent ahostsv4 localhost | head -n 1`;
  const lines = (await inSandbox("bash", "-c", look)).stdout.split("\n");
  expect(lines).toEqual([
    expect.stringMatching(/^1: lo: <LOOPBACK,UP,LOWER_UP>/),
    expect.stringContaining("Network is unreachable"),
    "nameserver 127.0.0.1",
    expect.stringMatching(/^127\.0\.0\.1 /),
  ]);
});

test("nothing of the caller's AWS account or proxies gets in", async () => {
  const { stdout } = await inSandbox("env");
  expect(stdout).not.toMatch(/AWS_PROFILE|http_proxy/);
  expect(stdout).toMatch(/^AWS_ENDPOINT_URL=http:\/\/127\.0\.0\.1:9$/m);
  expect(stdout).toMatch(/^AWS_EC2_METADATA_DISABLED=true$/m);
});

test("what is written to /etc or /run stays inside", async () => {
  const write = "echo x >/etc/everspot-probe && echo x >/run/everspot-probe && cat /etc/everspot-probe";
  expect((await inSandbox("bash", "-c", write)).stdout).toBe("x");
  expect(await isThere("/etc/everspot-probe")).toBe(false);
  expect(await isThere("/run/everspot-probe")).toBe(false);
});

const isThere = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

test("ends with the command's exit code, or 128 and its signal", async () => {
  expect((await inSandbox("bash", "-c", "exit 7")).exitCode).toBe(7);
  expect((await inSandbox("bash", "-c", "kill -KILL $$")).exitCode).toBe(137);
  const missing = await inSandbox("no-such-command");
  expect(missing.exitCode).toBe(127);
  expect(missing.stderr).toContain("no-such-command");
});

test("orphans are reaped while it runs", async () => {
  const script = "(sleep 0.1 &) ; sleep 0.5; ps -e -o stat= | grep -c Z; exit 0";
  expect((await inSandbox("bash", "-c", script)).stdout).toBe("0");
});

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s reaches the command, which decides",
  async (signal) => {
    const script = `trap 'echo got; exit 5' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`;
    const outer = spawn(process.execPath, [...launcher, "bash", "-c", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    outer.stdout.on("data", (chunk) => {
      if (!said.includes("ready")) outer.kill(signal);
      said += chunk;
    });
    const [code] = await once(outer, "exit");
    expect(said).toBe("ready\ngot\n");
    expect(code).toBe(5);
  },
);

test("a second Ctrl-C ends a command that does not listen", async () => {
  const outer = spawn(
    process.execPath,
    [...launcher, "bash", "-c", "trap '' INT; echo ready; while :; do sleep 0.05; done"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(outer.stdout, "data");
  outer.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(outer.exitCode).toBe(null);
  outer.kill("SIGINT");
  const [code] = await once(outer, "exit");
  expect(code).toBe(137);
});

test("killed with -9, nothing is left: no process, mount, control group or file", async () => {
  const { outer, id, pids } = await startLinger();
  outer.kill("SIGKILL");
  await once(outer, "exit");
  await expect.poll(() => leftOf(id, pids), { timeout: 15_000 }).toEqual(nothing);
});

test("ended by Ctrl-C, nothing is left once it has returned", async () => {
  const { outer, id, pids } = await startLinger();
  outer.kill("SIGINT");
  const [code] = await once(outer, "exit");
  expect(code).toBe(130);
  expect(await leftOf(id, pids)).toEqual(nothing);
});

test("what an earlier run could not remove is removed, what others still use is not", async () => {
  const stale = path.join(runs, "1-stale");
  await mkdir(path.join(stale, "tmp"), { recursive: true });
  await writeFile(path.join(stale, "lock"), "");
  const { unified } = hierarchies();
  await mkdir(path.join(unified ?? "", "everspot-1-stale/i-1"), { recursive: true });
  await inSandbox("true");
  expect(await leftOf("1-stale", [])).toEqual(nothing);
  expect(await isThere(requireSandbox().directory)).toBe(true);
});
