import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import path from "node:path";
import { EverspotError } from "../../../agent/site/errors.ts";
import { poll } from "../../../agent/site/poll.ts";

/** systemd(1): what pid 1 does on a real-time signal; SIGRTMIN is 34 in glibc. */
const sigrtmin = 34;
const rebootSignal = sigrtmin + 5;
const powerOffSignal = sigrtmin + 4;
/** systemd-nspawn(1): with --keep-unit it exits so when the machine wants to start again. */
const rebootCode = 133;

/** One boot of a machine: from the start of pid 1 to its end. */
export interface Container {
  /** Process id of the machine's pid 1, as seen from here. */
  readonly leader: number;
  /** How it ended; resolves once no process of it is left. */
  readonly ended: Promise<"reboot" | "off">;
  /** Asks pid 1. */
  powerOff(): void;
  reboot(): void;
  /** Every process ends at once. */
  kill(): void;
}

/** Boots a root directory with systemd as pid 1; resolves as soon as that runs. */
export async function boot(options: {
  root: string;
  name: string;
  hostname: string;
  /** Control groups the machine lives in. */
  groups: readonly string[];
  /** File that gets what the machine prints, appended. */
  console: string;
}): Promise<Container> {
  const output = await open(options.console, "a");
  const nspawn = spawn(
    "bash",
    [path.join(import.meta.dirname, "in-groups.sh"), ...options.groups, "--", ...nspawnArguments(options)],
    {
      stdio: ["ignore", output.fd, output.fd],
      detached: true,
      // Debian 13's systemd refuses the hierarchies of version 1.
      env: { PATH: process.env.PATH, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1", SYSTEMD_LOG_LEVEL: "warning" },
    },
  );
  const exited = once(nspawn, "exit").then(([code]) => code as number | null);
  await output.close();
  const leader = await findLeader(nspawn, exited, options);
  return {
    leader,
    ended: exited.then((code) => (code === rebootCode ? "reboot" : "off")),
    powerOff: () => signal(leader, powerOffSignal),
    reboot: () => signal(leader, rebootSignal),
    kill: () => signal(leader, "SIGKILL"),
  };
}

function nspawnArguments(options: { root: string; name: string; hostname: string }): string[] {
  return [
    "systemd-nspawn",
    `--directory=${options.root}`,
    "--boot",
    "--register=no",
    "--keep-unit",
    "--console=read-only",
    `--machine=${options.name}`,
    `--hostname=${options.hostname}`,
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    // For nft: the instance keeps its app away from the metadata service.
    "--capability=CAP_NET_ADMIN",
  ];
}

/** nspawn's only child, once it is the machine's init and no longer nspawn's own preparation. */
async function findLeader(
  nspawn: ChildProcess,
  exited: Promise<number | null>,
  options: { name: string; console: string },
): Promise<number> {
  let over: string | undefined;
  void exited.then((code) => {
    over = `systemd-nspawn exited with ${code}`;
  });
  return poll(
    `pid 1 of ${options.name} runs`,
    async () => {
      if (over !== undefined) {
        const printed = await readFile(options.console, "utf8").catch(() => "");
        throw new EverspotError(`${options.name} did not boot: ${over}`, {
          lines: printed.trimEnd().split("\n").slice(-15),
        });
      }
      for (const pid of await descendants(nspawn.pid ?? 0)) {
        if (await isInit(pid)) return { done: pid };
      }
      return { waiting: "systemd-nspawn prepares" };
    },
    { seconds: 20, everySeconds: 0.01 },
  );
}

async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const children = text.trim().split(" ").filter(Boolean).map(Number);
  return [...children, ...(await Promise.all(children.map(descendants))).flat()];
}

/** proc_pid_status(5): NSpid lists the process's id in every nested namespace, innermost last. */
async function isInit(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const ids = /^NSpid:\s*(.*)$/m.exec(status)?.[1]?.split(/\s+/) ?? [];
  return ids.length > 1 && ids.at(-1) === "1" && /^Name:\s*systemd$/m.test(status);
}

function signal(pid: number, name: NodeJS.Signals | number): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
