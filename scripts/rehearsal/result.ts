import type { BootStep } from "../../agent/site/boot-record.ts";
import type { Sample } from "./sample.ts";
import type { Requests } from "./visitors.ts";

/** What a scenario found. The JSON of the command line is this without `samples` and `timeline`. */
export interface Result {
  scenario: string;
  /** Whether everything was as slow and as late as on AWS. */
  asAws?: boolean;
  /** What was not as it must be; empty when the scenario passed. */
  problems: string[];
  up?: { seconds: number; writes: number };
  upAgain?: { writes: number };
  boots: Boot[];
  heal?: {
    secondsToServing: number;
    sameCertificate: boolean;
    /** Processor time of the new machine until it served; undefined where nothing counts it. */
    processorSeconds?: number | undefined;
    /** Where the time went: seconds from the reclaim until each was reached. */
    parts: { name: string; seconds: number }[];
  };
  /** The steps of `everspot deploy`, and how long it took as a whole. */
  swap?: { seconds: number; steps: SwapStep[] };
  /** Deploys that were to fail, or were killed, and what came of each. */
  deploys?: { name: string; exitCode: number; seconds: number; outcome: string }[];
  certificate?: { orders: number };
  /** Of the first visitor; `clients` has each. */
  requests?: Requests;
  clients?: { name: string; requests: Requests }[];
  down?: { leftovers: string[] };
  /** More figures of one scenario. */
  figures?: Record<string, number | string | boolean>;
  timeline: Moment[];
  visitors: { name: string; samples: readonly Sample[] }[];
}

export interface Boot {
  instance: string;
  seconds: number;
  steps: Pick<BootStep, "name" | "start" | "seconds" | "state" | "detail">[];
}

export interface SwapStep {
  name: string;
  /** Since the beginning, and how long it took. */
  start: number;
  seconds: number;
  detail?: string;
}

/** Something that happened, in milliseconds since the epoch. */
export interface Moment {
  at: number;
  what: string;
}
