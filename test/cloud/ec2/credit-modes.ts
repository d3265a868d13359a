import type { CreditMode, Credits } from "../machines.ts";
import { combination, invalid } from "./errors.ts";

/**
 * Credits that the burstable types earn in an hour, a credit being a minute of one vCPU, and their vCPUs (EC2 user
 * guide, "Key concepts for burstable performance instances", table of earned credits).
 */
const T3: Readonly<Record<string, readonly [perHour: number, vcpus: number]>> = {
  nano: [6, 2],
  micro: [12, 2],
  small: [24, 2],
  medium: [24, 2],
  large: [36, 2],
  xlarge: [96, 4],
  "2xlarge": [192, 8],
};
const T2: typeof T3 = { nano: [3, 1], micro: [6, 1], small: [12, 1], medium: [24, 2], large: [36, 2] };
/** T2 alone gets credits to boot with, for each vCPU. */
const LAUNCH_CREDITS = 30;
const CREDIT_SECONDS = 60;

/** Undefined for a type that is not burstable. */
export function creditsOf(type: string, mode: CreditMode | undefined): Credits | undefined {
  const [family = "", size = ""] = type.split(".");
  const known = family === "t2" ? T2 : /^t(3|3a|4g)$/.test(family) ? T3 : undefined;
  const [perHour, vcpus] = known?.[size] ?? [];
  if (perHour === undefined || vcpus === undefined || mode === undefined) return undefined;
  const atLaunch = family === "t2" ? LAUNCH_CREDITS * vcpus * CREDIT_SECONDS : 0;
  return { mode, perSecond: (perHour * CREDIT_SECONDS) / 3600, atLaunch };
}

/**
 * T3, T3a and T4g are unlimited where nothing is said, T2 is standard. @throws AwsError for another type: EC2 launches
 * none with a credit setting (terraform-provider-aws#5081).
 */
export function creditsAtLaunch(type: string, wanted: string | undefined): CreditMode | undefined {
  if (creditsOf(type, "standard") === undefined) {
    if (wanted === undefined) return undefined;
    throw combination(`The instance type ${type} does not support CpuCredits.`);
  }
  return wanted === undefined ? (type.startsWith("t2.") ? "standard" : "unlimited") : modeOf(wanted);
}

/** @throws AwsError InvalidParameterValue */
export function modeOf(text: string): CreditMode {
  if (text === "standard" || text === "unlimited") return text;
  throw invalid(`Value (${text}) for parameter CpuCredits is invalid.`);
}
