/** A boot of everspot, measured from outside. */
import { type BootRecord, stepLabel } from "../../agent/site/boot-record.ts";
import type { Rehearsal } from "../rehearsal/rehearsal.ts";
import type { Boot } from "../rehearsal/result.ts";
import type { Visitor } from "../rehearsal/visitors.ts";
import { agentProcess } from "./agent-process.ts";
import { firstAnswer } from "./first-answer.ts";

export interface MeasuredBoot {
  boot: Boot;
  /** Seconds from the start of the agent's process until the records are INSYNC. */
  agent: number;
  /** Seconds of the processor that the whole machine has used until then; undefined where nothing counts them. */
  processor: number | undefined;
}

const BOOT_SECONDS = 300;

/** The boot of the next instance that has the site after `before`. */
export async function booted(
  site: Rehearsal,
  asking: Visitor,
  before: string | undefined,
): Promise<MeasuredBoot> {
  const record = await site.bootOfOwner(before, BOOT_SECONDS);
  const answered = await firstAnswer(asking, Date.parse(record.started), record.address);
  return measureBoot(site, record, answered);
}

/** @param answered when a visitor was first served by the instance; milliseconds since the epoch. */
async function measureBoot(site: Rehearsal, record: BootRecord, answered: number): Promise<MeasuredBoot> {
  const { started } = await agentProcess(site.cloud, record.instance);
  const since = Date.parse(record.started);
  const claimed = record.steps.find((s) => s.name === "ownership");
  const owned = since + ((claimed?.start ?? Number.NaN) + (claimed?.seconds ?? Number.NaN)) * 1000;
  const steps = record.steps.map(({ phase, name, start, seconds, state, detail }) => ({
    ...{ name: stepLabel({ phase, name }), start, state },
    seconds,
    detail,
  }));
  return {
    boot: { instance: record.instance, seconds: (answered - since) / 1000, steps },
    agent: (owned - started) / 1000,
    processor: site.meter.at(record.instance, owned),
  };
}
