import type { Jobs } from "../jobs.ts";
import type { Tags } from "./tags.ts";

/** What every part of the local EC2 shares. */
export interface Place {
  readonly account: string;
  readonly region: string;
  /** Names of the Availability Zones, e.g. "us-east-1a". */
  readonly zones: readonly string[];
  readonly jobs: Jobs;
  readonly tags: Tags;
  /** Of a listing without MaxResults. */
  readonly pageSize: number;
}
