import { setTimeout as delay } from "node:timers/promises";
import type { BootRecord } from "../../agent/site/boot-record.ts";
import type { RealCloud } from "../../test/cloud/real.ts";

const EVERY_MS = 100;

interface Reading {
  /** Milliseconds since the epoch. */
  at: number;
  seconds: number;
}

/** Reads how much processor time each machine has used, so that it can be told later for any moment. */
export class Meter {
  readonly #cloud: RealCloud;
  readonly #readings = new Map<string, Reading[]>();
  readonly #over = new AbortController();
  readonly #ended: Promise<void>;

  constructor(cloud: RealCloud) {
    this.#cloud = cloud;
    this.#ended = this.#read();
  }

  /** Seconds that the machine had used by then, user and kernel, all its processes; undefined where nothing counts it. */
  at(instance: string, moment: number): number | undefined {
    const readings = this.#readings.get(instance) ?? [];
    return (readings.find((r) => r.at >= moment) ?? readings.at(-1))?.seconds;
  }

  /** The same, by when it had the records. */
  untilOwned(record: BootRecord): number | undefined {
    const seconds = this.at(record.instance, ownedAt(record));
    return seconds === undefined ? undefined : Math.round(seconds * 100) / 100;
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#ended;
  }

  async #read(): Promise<void> {
    const { ec2, machines } = this.#cloud;
    while (!this.#over.signal.aborted) {
      for (const { id, state } of ec2.instances.list()) {
        if (state !== "running" && state !== "pending") continue;
        const seconds = await machines.processorSeconds(id);
        if (seconds === undefined) continue;
        const readings = this.#readings.get(id) ?? [];
        readings.push({ at: Date.now(), seconds });
        this.#readings.set(id, readings);
      }
      await delay(EVERY_MS, undefined, { signal: this.#over.signal }).catch(() => {});
    }
  }
}

/** When the instance had the records; milliseconds since the epoch. */
export function ownedAt(record: BootRecord): number {
  const ownership = record.steps.find((s) => s.name === "ownership");
  return Date.parse(record.started) + ((ownership?.start ?? 0) + (ownership?.seconds ?? 0)) * 1000;
}
