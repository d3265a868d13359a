import type {
  FleetExcessCapacityTerminationPolicy,
  FleetStateCode,
  FleetType,
  HistoryRecordEntry,
  SpotAllocationStrategy,
} from "@aws-sdk/client-ec2";
import type { AwsError } from "../wire/errors.ts";
import type { Market } from "./capacity.ts";
import type { Shown } from "./shown.ts";

export interface Target {
  onDemand: number;
  spot: number;
  defaultType: Market;
}

/** One override of a launch template, as given. */
export interface Override {
  instanceType: string | undefined;
  subnetId: string | undefined;
  zone: string | undefined;
  maxPrice: string | undefined;
  priority: number | undefined;
}

export interface TemplateConfig {
  templateId: string;
  /** Resolved when it was given: `$Latest` means the latest at that time. */
  version: number;
  overrides: Override[];
}

export interface Rebalance {
  strategy: "launch" | "launch-before-terminate";
  /** Seconds from the replacement's launch to the old one's end. */
  terminationDelay: number;
}

/** What the caller of CreateFleet decided. */
export interface FleetConfig {
  type: FleetType;
  target: Target;
  templates: TemplateConfig[];
  excess: FleetExcessCapacityTerminationPolicy;
  replaceUnhealthy: boolean;
  spotStrategy: SpotAllocationStrategy;
  onDemandStrategy: "lowest-price" | "prioritized";
  rebalance: Rebalance | undefined;
  /** Dollars an hour that its instances of a market may cost together; nothing changes it later. */
  maxTotalPrice: Readonly<Record<Market, number | undefined>>;
}

/** What ModifyFleet changes. */
export type Modifiable = Pick<FleetConfig, "target" | "excess" | "templates">;

export type Visible = Modifiable & Pick<Fleet, "state">;

export const visible = ({ target, excess, templates, state }: Fleet): Visible => ({
  ...{ target, excess, templates, state },
});

export interface Fleet extends FleetConfig {
  id: string;
  /** What it is to be once it is no longer `modifying`: until then it shows, and keeps to, what it was. */
  coming: Partial<Modifiable> | undefined;
  clientToken: string | undefined;
  created: Date;
  state: FleetStateCode;
  /** What readers get to see of what ModifyFleet changes, and of the state. */
  readonly shown: Shown<Visible>;
  history: HistoryRecordEntry[];
  /** Instances the fleet has decided to end. */
  leaving: Set<string>;
  /** Why the last try to launch failed; undefined when it did not. */
  lastError: AwsError | undefined;
  retrying: boolean;
  /** Versions of templates that are left alone, as `refusal` names them, until a time in milliseconds. */
  readonly refused: Map<string, number>;
  /** No launch before that, in milliseconds since the epoch. */
  pausedUntil: number;
  /** Of an instant fleet: what could not be launched. */
  errors: { market: Market; pool: Pool; error: AwsError }[];
}

export const refusal = ({ templateId, version }: TemplateConfig): string => `${templateId} ${version}`;

/** Where an instance can come from. */
export interface Pool {
  template: TemplateConfig;
  override: Override;
}

export const isActive = (fleet: Fleet): boolean => fleet.state === "active" || fleet.state === "modifying";
