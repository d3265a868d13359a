import {
  type CloudWatchLogsClient,
  CreateLogStreamCommand,
  FilterLogEventsCommand,
  PutLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { type LogLine, type LogSink, Unsure } from "../ports/log-sink.ts";
import { EverspotError, messageOf } from "../site/errors.ts";

/** @param client that tries nothing twice: a second PutLogEvents after a lost answer would keep the lines twice. */
export function createLogSink(client: CloudWatchLogsClient, group: string): LogSink {
  const put = async (stream: string, lines: readonly LogLine[]): Promise<number> => {
    const events = lines.map(({ at, text }) => ({ timestamp: at, message: text }));
    const answer = await client.send(
      new PutLogEventsCommand({ logGroupName: group, logStreamName: stream, logEvents: events }),
    );
    const { expiredLogEventEndIndex: expired = 0, tooOldLogEventEndIndex: old = 0 } =
      answer.rejectedLogEventsInfo ?? {};
    return Math.max(expired, old);
  };
  return {
    put: async (stream, lines) => {
      try {
        return await put(stream, lines).catch(async (error: unknown) => {
          if (nameOf(error) !== "ResourceNotFoundException") throw error;
          await client
            .send(new CreateLogStreamCommand({ logGroupName: group, logStreamName: stream }))
            .catch((cause: unknown) => {
              if (nameOf(cause) !== "ResourceAlreadyExistsException") throw asKnown(cause);
            });
          return put(stream, lines);
        });
      } catch (error) {
        throw asKnown(error);
      }
    },
    count: async (stream, from, until) => {
      let count = 0;
      let nextToken: string | undefined;
      const asked = { logGroupName: group, logStreamNames: [stream], startTime: from, endTime: until };
      try {
        do {
          const page = await client.send(new FilterLogEventsCommand({ ...asked, nextToken }));
          count += page.events?.length ?? 0;
          nextToken = page.nextToken;
        } while (nextToken !== undefined);
      } catch (error) {
        if (nameOf(error) !== "ResourceNotFoundException") throw asKnown(error);
      }
      return count;
    },
  };
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "");

/** What AWS answers with 4xx it has refused; anything else may or may not have been done. */
function asKnown(error: unknown): Error {
  if (error instanceof EverspotError) return error;
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode ?? 0;
  const message = `CloudWatch Logs: ${messageOf(error)}`;
  if (status < 400 || status >= 500) return new Unsure(message, { cause: error });
  const fatal = /AccessDenied|ResourceNotFound|InvalidParameter|UnrecognizedClient/.test(nameOf(error));
  return new EverspotError(message, {
    ...{ retry: fatal ? "fatal" : "retry", cause: error },
    hint: /AccessDenied|ResourceNotFound/.test(nameOf(error))
      ? "run `everspot up`, which makes the site's log group and lets its instances write there"
      : undefined,
  });
}
