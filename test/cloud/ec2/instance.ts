import type { InstanceStateName } from "@aws-sdk/client-ec2";
import type { CreditMode } from "../machines.ts";
import { invalid } from "./errors.ts";
import type { LaunchSpec } from "./launch-spec.ts";
import type { Shown } from "./shown.ts";

/** Everything the local EC2 keeps of one instance. */
export interface Instance {
  readonly id: string;
  readonly reservationId: string;
  readonly spec: LaunchSpec;
  readonly clientToken: string | undefined;
  readonly volumeId: string;
  readonly interfaceId: string;
  /** Of spot instances. */
  readonly spotRequestId: string | undefined;
  readonly fleetId: string | undefined;
  state: InstanceStateName;
  /** What readers get to see of its state. */
  readonly shown: Shown<InstanceStateName>;
  /** Of the latest launch or start. */
  launched: Date;
  /** Its one address; undefined while stopped and once terminated. */
  address: string | undefined;
  stateReason: { code: string; message: string } | undefined;
  transitionReason: string;
  spotAction: { action: "terminate" | "stop" | "hibernate"; time: Date } | undefined;
  rebalance: { noticeTime: Date } | undefined;
  /** Undefined for types that have none. */
  credits: CreditMode | undefined;
  /** When its status checks began to fail. */
  impairedSince: Date | undefined;
  terminated: Date | undefined;
}

const codes: Record<InstanceStateName, number> = {
  pending: 0,
  running: 16,
  "shutting-down": 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
};

export const stateShape = (state: InstanceStateName) => ({ Code: codes[state], Name: state });

/** Does it hold capacity: is it coming up or running? */
export const isLive = (instance: Instance): boolean =>
  instance.state === "pending" || instance.state === "running";

export const isGone = (instance: Instance): boolean =>
  instance.state === "shutting-down" || instance.state === "terminated";

/** Why an instance ended, in AWS's words. */
export type EndReason =
  | "Client.UserInitiatedShutdown"
  | "Client.InstanceInitiatedShutdown"
  | "Server.SpotInstanceTermination"
  | "Server.InternalError";

const endMessages: Record<EndReason, string> = {
  "Client.UserInitiatedShutdown": "User initiated shutdown",
  "Client.InstanceInitiatedShutdown": "Instance initiated shutdown",
  "Server.SpotInstanceTermination": "Spot instance termination",
  "Server.InternalError": "Internal error on launch",
};

export function setReason(instance: Instance, code: EndReason, at: Date): void {
  instance.stateReason = { code, message: `${code}: ${endMessages[code]}` };
  const stamp = at.toISOString().replace("T", " ").slice(0, 19);
  instance.transitionReason =
    code === "Server.SpotInstanceTermination" ? code : `User initiated (${stamp} GMT)`;
}

/** @throws AwsError when the instance is no spot instance: notices exist only for those. */
export function assertSpot(instance: Instance): void {
  if (instance.spec.market !== "spot") throw invalid(`${instance.id} is not a Spot Instance`);
}
