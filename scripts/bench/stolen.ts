/** Processor time a virtual machine's host keeps back: with much of it, figures in seconds tell of the host. */
import { readFileSync } from "node:fs";

/** Of all processors since the machine's start, in ticks. */
export interface ProcessorTime {
  wanted: number;
  stolen: number;
}

/** proc(5): cpu user nice system idle iowait irq softirq steal … */
export function processorTime(stat = readFileSync("/proc/stat", "utf8")): ProcessorTime {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = (
    /^cpu +(.*)$/m.exec(stat)?.[1] ?? ""
  )
    .split(" ")
    .map(Number);
  return { wanted: user + nice + system + irq + softirq + stolen, stolen };
}

/** @returns the part that was kept back of what was wanted, in percent. */
export function stolenPercent(before: ProcessorTime, after: ProcessorTime): number {
  const wanted = after.wanted - before.wanted;
  return wanted === 0 ? 0 : Math.round(((after.stolen - before.stolen) / wanted) * 1000) / 10;
}
