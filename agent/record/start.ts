/** How this boot began: what the kernel and bootstrap.sh know of it. */
import type { BootStep } from "../site/boot-record.ts";
import { readIfThere } from "../system/files.ts";

export interface Start {
  /** The kernel's id of this boot. */
  bootId: string;
  /** Epoch milliseconds. */
  started: number;
  steps: BootStep[];
}

export async function readStart(marksFile: string, now: number): Promise<Start> {
  const bootId = (await readIfThere("/proc/sys/kernel/random/boot_id"))?.trim() ?? "unknown";
  return { bootId, ...parseMarks((await readIfThere(marksFile)) ?? "", now) };
}

/**
 * Lines "<part> <epoch seconds>"; each part ends at its time and begins where the one before ended. A part that
 * was tried again ends at its last time.
 */
export function parseMarks(text: string, now: number): Pick<Start, "started" | "steps"> {
  const marks = text.split("\n").flatMap((line) => {
    const [name, time] = line.split(" ");
    const at = Number(time) * 1000;
    return name && Number.isFinite(at) && at > 0 ? [{ name, at }] : [];
  });
  const first = marks.find((mark) => mark.name === "started");
  if (first === undefined) return { started: now, steps: [] };
  const started = first.at;
  let before = started;
  let need: string[] = [];
  const last = marks.filter(
    (mark, i) => mark !== first && !marks.slice(i + 1).some((m) => m.name === mark.name),
  );
  const steps = last.map((mark): BootStep => {
    const made: BootStep = {
      phase: "bootstrap",
      name: mark.name,
      needs: need,
      start: (before - started) / 1000,
      seconds: (mark.at - before) / 1000,
      state: "done",
    };
    before = mark.at;
    need = [made.name];
    return made;
  });
  return { started, steps: steps.map(rounded) };
}

const milli = (seconds: number): number => Math.max(0, Math.round(seconds * 1000) / 1000);
const rounded = (step: BootStep): BootStep => ({
  ...step,
  start: milli(step.start),
  seconds: milli(step.seconds ?? 0),
});
