import { type Answers, answered, type Question, readAnswers } from "../answers.ts";

/** How long things take, in milliseconds. */
export interface Delays {
  /** From a launch or start to the machine's power-on; then it boots and the instance runs. */
  pending: number;
  /** What EC2 itself needs to stop or terminate, after the machine is down. */
  shutdown: number;
  /** What a machine gets to shut down cleanly before it is cut off. */
  grace: number;
  /** CreateImage, after the disk was copied. */
  image: number;
  /** From a fleet's creation or a change of its target to the first launch. */
  fleetLaunch: number;
  /** From an instance's end to the launch of its replacement. */
  fleetReplace: number;
  /** Between tries while there is no capacity; 0 waits for capacity to come back instead. */
  fleetRetry: number;
  /** Until a new fleet is listed, and known by its id. */
  fleetVisible: number;
  /** How long EC2 does not know a new instance profile, nor a role newly put into one. */
  profileKnown: number;
  /** How long a fleet leaves a version of a template alone whose instance profile EC2 did not know; 0 for fleetRetry. */
  profileRefused: number;
  /** How long a fleet stays `modifying`. */
  fleetModify: number;
  /** The interruption notice a fleet gives when it scales in. */
  scaleInNotice: number;
  /** From failing status checks to the fleet's verdict "unhealthy". */
  unhealthy: number;
  /** How long a terminated instance is still listed. */
  terminatedVisible: number;
  /** How long the spot request of an instance that ended stays open, and counts against the quota. */
  requestCloses: number;
  /** From a launch until GetConsoleOutput shows anything. */
  console: number;
  /** How long DescribeInstances and DescribeFleets show what was before a change: a new thing not at all. */
  shown: number;
  /**
   * S3: how long after versions were first switched on in a bucket a read of an object written since is answered 404
   * (S3 User Guide, "Enabling versioning on buckets": intermittently, and to wait 15 minutes).
   */
  versioned: number;
}

/** Everything happens at once: for unit tests. */
export const noDelays: Delays = {
  pending: 0,
  shutdown: 0,
  grace: 1_000,
  image: 0,
  fleetLaunch: 0,
  fleetReplace: 0,
  fleetRetry: 0,
  fleetVisible: 0,
  profileKnown: 0,
  profileRefused: 0,
  fleetModify: 0,
  scaleInNotice: 0,
  unhealthy: 0,
  terminatedVisible: 3_600_000,
  requestCloses: 0,
  console: 0,
  shown: 0,
  versioned: 0,
};

/**
 * Near what AWS shows: 17.8 s pending was measured elsewhere, three failed checks two minutes apart make an
 * instance unhealthy, a scale-in gives the two minutes' notice; what AWS was asked is as it answered, the rest are
 * guesses of the right size.
 */
export const realisticDelays: Delays = {
  pending: 17_800,
  shutdown: 5_000,
  grace: 30_000,
  image: 90_000,
  fleetLaunch: 3_000,
  fleetReplace: 10_000,
  fleetRetry: 15_000,
  fleetVisible: 2_000,
  profileKnown: 8_000,
  profileRefused: 300_000,
  fleetModify: 1_000,
  scaleInNotice: 120_000,
  unhealthy: 360_000,
  terminatedVisible: 3_600_000,
  requestCloses: 60_000,
  console: 60_000,
  shown: 0,
  versioned: 20_000,
  ...delaysOf(readAnswers()),
};

/** Those that questions are about, where AWS has answered them. */
export function delaysOf(answers: Answers): Partial<Delays> {
  const from: [keyof Delays, Question, string][] = [
    ["console", "console", "firstAfterSeconds"],
    ["fleetModify", "template-in-modify", "seconds"],
    ["requestCloses", "request-closes", "afterSeconds"],
    ["profileRefused", "fresh-profile", "seconds"],
    ["versioned", "new-versioning", "lastAfterSeconds"],
  ];
  return Object.fromEntries(
    from.flatMap(([delay, question, fact]) => {
      const seconds = answered(answers, question)?.facts[fact];
      return typeof seconds === "number" ? [[delay, seconds * 1000]] : [];
    }),
  );
}
