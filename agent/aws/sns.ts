import { PublishCommand, type SNSClient } from "@aws-sdk/client-sns";
import type { Mail } from "../notify/notify.ts";
import { EverspotError, messageOf } from "../site/errors.ts";

/** Mails whoever has agreed to it, by a topic of Amazon SNS. @param topic its ARN. */
export const createMail =
  (client: SNSClient, topic: string): Mail =>
  async (Subject, Message) => {
    await client.send(new PublishCommand({ TopicArn: topic, Subject, Message })).catch((cause: unknown) => {
      throw new EverspotError(`SNS: ${messageOf(cause)}`, { resource: topic, retry: "retry", cause });
    });
  };
