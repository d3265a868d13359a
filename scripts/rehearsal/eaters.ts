import type { RealCloud } from "../../test/cloud/real.ts";

export interface Eater {
  unit: string;
  /** Of processor time, with all it started. */
  seconds: number;
}

/** What on a machine has used the most processor time so far, by systemd's own books, which keep what has ended too. */
export async function eatersOf(cloud: RealCloud, instance: string, most = 8): Promise<Eater[]> {
  const show = ["show", "--property=Id,CPUUsageNSec", "*.service"];
  const { stdout } = await cloud.machines.exec(instance, "systemctl", show);
  return parseEaters(stdout).slice(0, most);
}

/** @param shown by `systemctl show`: a paragraph for each unit. The one that used most comes first. */
export function parseEaters(shown: string): Eater[] {
  return shown
    .split("\n\n")
    .flatMap((unit) => {
      const id = /^Id=(.*)$/m.exec(unit)?.[1];
      const used = /^CPUUsageNSec=(\d+)$/m.exec(unit)?.[1];
      return id === undefined || used === undefined
        ? []
        : [{ unit: id, seconds: Math.round(Number(used) / 1e7) / 100 }];
    })
    .filter(({ seconds }) => seconds >= 0.01 && seconds < 1e6)
    .sort((a, b) => b.seconds - a.seconds);
}
