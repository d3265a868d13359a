/**
 * How long a call to AWS may take: the SDK waits forever by default, and a service that takes a connection and never
 * answers would hold up whoever asked. In milliseconds, of each try; the SDK tries three times.
 */
export interface CallLimits {
  connectionTimeout: number;
  /** From the request to the head of the answer. */
  requestTimeout: number;
  throwOnRequestTimeout: true;
  /** Without a byte in either direction. */
  socketTimeout: number;
}

/** For calls whose questions and answers are short. A machine without processor credits needs some of it itself. */
export const callLimits: CallLimits = {
  connectionTimeout: 5_000,
  requestTimeout: 15_000,
  throwOnRequestTimeout: true,
  socketTimeout: 15_000,
};

/** For bodies of any length: as long as something moves, it goes on. What has no body may set a `requestTimeout`. */
export const streamLimits: Omit<CallLimits, "requestTimeout"> = {
  connectionTimeout: 5_000,
  throwOnRequestTimeout: true,
  socketTimeout: 30_000,
};
