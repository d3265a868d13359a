import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { serveMirror } from "../mirror/proxy.ts";
import { machineSources } from "../mirror/sources.ts";
import { hierarchies } from "./cgroups.ts";
import { cacheDirectory, groupName, sandboxVariable } from "./sandbox.ts";

const here = import.meta.dirname;

/**
 * Runs a command in network, mount, pid and ipc namespaces of its own, where only loopback exists and the
 * system's resolver asks 127.0.0.1:53. Resolves with its exit code once nothing of it is left: no process,
 * mount, control group or file. That holds too when this process is killed with -9.
 * A first Ctrl-C (or TERM, HUP) is passed on, a second one ends everything at once.
 * Needs root.
 * @param options `tunnels`: see serveMirror.
 */
export async function enterSandbox(
  argv: readonly string[],
  options: { tunnels?: readonly string[] } = {},
): Promise<number> {
  const { unified, mounts } = hierarchies();
  if (unified === undefined) {
    throw new EverspotError("no cgroup2 file system is mounted", {
      hint: "scripts/setup says what this machine lacks and what would serve instead",
    });
  }
  const id = `${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  const runs = path.join(cacheDirectory(), "run");
  const directory = path.join(runs, id);
  const reaper = await startReaper(runs, id, [unified, ...mounts.filter((mount) => mount !== unified)]);
  try {
    const mirror = await serveMirror({
      socket: path.join(directory, "mirror.sock"),
      cache: path.join(cacheDirectory(), "packages"),
      sources: await machineSources(),
      ...options,
    });
    try {
      return await run(argv, directory, path.join(unified, groupName(id)));
    } finally {
      await mirror.close();
    }
  } finally {
    await reaper.finish();
  }
}

async function startReaper(runs: string, id: string, mounts: readonly string[]) {
  const reaper = spawn("bash", [path.join(here, "reap.sh"), runs, id, ...mounts], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(reaper, "exit");
  const [said] = await Promise.race([once(reaper.stdout, "data"), exited]);
  if (!String(said).startsWith("ready")) {
    throw new EverspotError(`cannot prepare a sandbox in ${runs}`, {
      hint: "run as root; see scripts/setup",
    });
  }
  return {
    async finish() {
      reaper.stdin.end();
      await exited;
    },
  };
}

async function run(argv: readonly string[], directory: string, group: string): Promise<number> {
  const namespaces = ["--net", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"];
  // A session of its own: a Ctrl-C at the terminal comes to this process only, and is passed on once.
  const child = spawn(
    "setpriv",
    [
      "--pdeathsig",
      "KILL",
      "unshare",
      ...namespaces,
      "bash",
      path.join(here, "inside.sh"),
      directory,
      group,
    ].concat(argv),
    { detached: true, stdio: "inherit", env: sandboxEnvironment(directory) },
  );
  if (child.pid !== undefined) writeFileSync(path.join(directory, "pid"), String(child.pid));
  let ending = false;
  const pass = (signal: NodeJS.Signals) => {
    const init = child.pid === undefined ? undefined : onlyChild(child.pid);
    if (signal === "SIGWINCH") {
      if (init !== undefined) process.kill(init, signal);
    } else if (ending || init === undefined) {
      child.kill("SIGKILL");
    } else {
      process.kill(init, signal);
      ending = true;
    }
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGWINCH"];
  for (const signal of signals) process.on(signal, pass);
  try {
    const [code] = await once(child, "exit");
    return code ?? 137;
  } finally {
    for (const signal of signals) process.off(signal, pass);
  }
}

function onlyChild(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ")[0]) || undefined;
  } catch {
    return undefined;
  }
}

/** No proxies (there is nowhere to go), and AWS as harmless as it can be until a local one has started. */
function sandboxEnvironment(directory: string): NodeJS.ProcessEnv {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/_proxy$/i.test(name) && !name.startsWith("AWS_")),
  );
  return {
    ...env,
    [sandboxVariable]: directory,
    TMPDIR: path.join(directory, "tmp"),
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    AWS_ENDPOINT_URL: "http://127.0.0.1:9",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:9",
    AWS_ACCESS_KEY_ID: "AKIATEST",
    AWS_SECRET_ACCESS_KEY: "test",
    AWS_REGION: "us-east-1",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
  };
}
