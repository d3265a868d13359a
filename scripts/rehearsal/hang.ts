/** An app that hangs: its processes are stopped where they are. */
import type { Rehearsal } from "./rehearsal.ts";

const APP = "everspot-app@*.service";

export const hang = (rehearsal: Rehearsal, instance: string): Promise<void> =>
  inside(rehearsal, instance, ["systemctl", "kill", "--signal=STOP", APP]);

/** Whatever is done about it, until `recover`. */
export async function hangForGood(rehearsal: Rehearsal, instance: string): Promise<void> {
  const again = `while :; do systemctl kill --signal=STOP '${APP}'; sleep 0.2; done`;
  await inside(rehearsal, instance, ["systemd-run", "--quiet", "--unit=hang", "sh", "-c", again]);
}

export async function recover(rehearsal: Rehearsal, instance: string): Promise<void> {
  await inside(rehearsal, instance, ["systemctl", "stop", "hang.service"]);
  await inside(rehearsal, instance, ["systemctl", "kill", "--signal=CONT", APP]);
}

async function inside(rehearsal: Rehearsal, instance: string, command: readonly string[]): Promise<void> {
  const [program = "", ...args] = command;
  const done = await rehearsal.cloud.machines.exec(instance, program, args);
  if (done.exitCode !== 0) throw new Error(`${command.join(" ")}: ${done.stderr}`);
}
