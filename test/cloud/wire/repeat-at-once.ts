import { Retry } from "@smithy/core/retry";

/**
 * From now on the SDK repeats what failed, as often as always, in the next millisecond: by itself it waits up to a
 * second in the time of this machine, which no clock of a test can skip. Clients made before keep what they had.
 */
export function repeatAtOnce(): void {
  Retry.delay = () => 0;
  Retry.throttlingDelay = () => 0;
}
