/** The agent's process on an instance, as systemd and the kernel see it. */
import { EverspotError } from "../../agent/site/errors.ts";
import type { RealCloud } from "../../test/cloud/real.ts";

export interface AgentProcess {
  pid: number;
  /** When it was started. Milliseconds since the epoch. */
  started: number;
}

export async function agentProcess(cloud: RealCloud, instance: string): Promise<AgentProcess> {
  const properties = ["--property=MainPID", "--property=ExecMainStartTimestamp", "--timestamp=us+utc"];
  const { stdout } = await cloud.machines.exec(instance, "systemctl", [
    "show",
    "everspot.service",
    ...properties,
  ]);
  const pid = Number(/^MainPID=(\d+)$/m.exec(stdout)?.[1]);
  // systemd.time(7): "Fri 2012-11-23 23:02:15.123456 UTC"
  const [, day, time] = /^ExecMainStartTimestamp=\S+ (\S+) (\S+) UTC$/m.exec(stdout) ?? [];
  const started = Date.parse(`${day}T${time}Z`);
  if (!(pid > 0) || Number.isNaN(started)) {
    throw new EverspotError(`the agent does not run on ${instance}`, { lines: stdout.split("\n") });
  }
  return { pid, started };
}

/**
 * Megabytes: what it has resident, the most since its boot, and the most it ever had (proc(5), VmRSS and VmHWM; the kernel
 * counts VmHWM afresh for the program that goes on after the boot, which says what there was before).
 */
export async function residentMemory(
  cloud: RealCloud,
  instance: string,
  pid: number,
): Promise<{ now: number; since: number; peak: number }> {
  const { stdout } = await cloud.machines.exec(instance, "cat", [`/proc/${pid}/status`]);
  const of = (name: string): number => {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(stdout)?.[1];
    if (kilobytes === undefined) throw new EverspotError(`process ${pid} of ${instance} is gone`);
    return megabytes(Number(kilobytes));
  };
  const said = await cloud.machines.exec(instance, "journalctl", ["--output=cat", `_PID=${pid}`]);
  const before = [...said.stdout.matchAll(/"peakKB":(\d+)/g)].map((m) => megabytes(Number(m[1])));
  const since = of("VmHWM");
  return { now: of("VmRSS"), since, peak: Math.max(since, ...before) };
}

const megabytes = (kilobytes: number): number => (kilobytes * 1024) / 1e6;
