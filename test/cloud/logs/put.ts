import type { InputLogEvent, PutLogEventsResponse } from "@aws-sdk/client-cloudwatch-logs";
import { invalid } from "./errors.ts";

/** API Reference, PutLogEvents: bytes of a batch, what each event counts besides, and how many. */
const MOST_BYTES = 1_048_576;
const OVERHEAD = 26;
const MOST_EVENTS = 10_000;
const HOUR = 3_600_000;
const TOO_NEW = 2 * HOUR;
const TOO_OLD = 14 * 24 * HOUR;
const LONGEST = 24 * HOUR;

interface Taken {
  events: { timestamp: number; message: string }[];
  rejected: PutLogEventsResponse["rejectedLogEventsInfo"];
}

/**
 * What is taken of a batch. @param horizon before which the group keeps nothing.
 * @throws AwsError for a batch that is refused as a whole.
 */
export function take(given: readonly InputLogEvent[], now: number, horizon: number): Taken {
  const all = given.map(({ timestamp = 0, message = "" }) => ({ timestamp, message }));
  if (all.length < 1 || all.length > MOST_EVENTS) {
    throw invalid(`Log events in a single PutLogEvents request must be between 1 and ${MOST_EVENTS}.`);
  }
  if (all.some((e) => e.message === "")) throw invalid("Log event message must not be empty.");
  const bytes = all.reduce((sum, e) => sum + Buffer.byteLength(e.message) + OVERHEAD, 0);
  if (bytes > MOST_BYTES) {
    throw invalid(`Upload too large: ${bytes} bytes exceeds limit of ${MOST_BYTES}`);
  }
  for (let i = 1; i < all.length; i++) {
    if ((all[i]?.timestamp ?? 0) < (all[i - 1]?.timestamp ?? 0)) {
      throw invalid(
        "Log events in a single PutLogEvents request must be in chronological order by their timestamp",
      );
    }
  }
  const expired = all.filter((e) => e.timestamp < horizon).length;
  const old = all.filter((e) => e.timestamp < now - TOO_OLD).length;
  const soon = all.findIndex((e) => e.timestamp > now + TOO_NEW);
  const events = all.slice(Math.max(expired, old), soon < 0 ? undefined : soon);
  const first = events[0]?.timestamp ?? 0;
  if ((events.at(-1)?.timestamp ?? 0) - first > LONGEST) {
    throw invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  }
  if (events.length === all.length) return { events, rejected: undefined };
  return {
    events,
    rejected: {
      ...(soon >= 0 && { tooNewLogEventStartIndex: soon }),
      ...(old > 0 && { tooOldLogEventEndIndex: old }),
      ...(expired > 0 && { expiredLogEventEndIndex: expired }),
    },
  };
}
