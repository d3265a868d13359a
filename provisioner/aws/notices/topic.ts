import {
  CreateTopicCommand,
  DeleteTopicCommand,
  ListTagsForResourceCommand,
  paginateListSubscriptionsByTopic,
  type SNSClient,
  SubscribeCommand,
  UnsubscribeCommand,
} from "@aws-sdk/client-sns";
import { EverspotError } from "../../../agent/site/errors.ts";
import { resourceName, SITE_TAG } from "../../../agent/site/names.ts";
import { hasCode, named } from "../errors.ts";
import { gather } from "../network-look.ts";
import { siteTags, tagOf } from "../tags.ts";

export interface TopicSeen {
  /** Who is mailed, or asked whether to be. */
  subscriptions: Subscription[];
}

export interface Subscription {
  email: string;
  /** Undefined until whoever has the address has followed the link in AWS's mail; then AWS also takes it off alone. */
  arn: string | undefined;
}

/** The site's topic in Amazon SNS, which mails what instances publish there. */
export interface Topic {
  /** Undefined: there is none. @throws EverspotError when one of its name is not the site's. */
  look(): Promise<TopicSeen | undefined>;
  /** Does nothing where it is there. */
  create(): Promise<void>;
  /** AWS mails a link to the address, which whoever has it must follow within 48 hours. */
  subscribe(email: string): Promise<void>;
  /** @param subscription ARN of a confirmed one. */
  unsubscribe(subscription: string): Promise<void>;
  /** With all its subscriptions. If it is gone already, that is no error. */
  delete(): Promise<void>;
}

export function createTopic(client: SNSClient, site: string, arn: string): Topic {
  return {
    look: () =>
      named("looking at the topic that mails", async () => {
        try {
          const { Tags } = await client.send(new ListTagsForResourceCommand({ ResourceArn: arn }));
          if (tagOf(Tags, SITE_TAG) !== site) throw foreign(arn);
          const found = await gather(
            paginateListSubscriptionsByTopic({ client }, { TopicArn: arn }),
            (page) => page.Subscriptions,
          );
          return {
            subscriptions: found
              .filter((s) => s.Protocol === "email" && s.SubscriptionArn !== "Deleted")
              .map(({ Endpoint = "", SubscriptionArn = "" }) => ({
                email: Endpoint,
                arn: SubscriptionArn.startsWith("arn:") ? SubscriptionArn : undefined,
              })),
          };
        } catch (error) {
          if (hasCode(error, "NotFound", "ResourceNotFound")) return undefined;
          throw error;
        }
      }),
    create: () =>
      named("making the topic that mails", async () => {
        await client.send(new CreateTopicCommand({ Name: resourceName(site), Tags: siteTags(site) }));
      }),
    subscribe: (email) =>
      named(`having AWS ask ${email}`, async () => {
        await client.send(new SubscribeCommand({ TopicArn: arn, Protocol: "email", Endpoint: email }));
      }),
    unsubscribe: (subscription) =>
      named("taking an address off the topic", async () => {
        await client.send(new UnsubscribeCommand({ SubscriptionArn: subscription }));
      }),
    delete: () =>
      named("deleting the topic that mails", async () => {
        await client.send(new DeleteTopicCommand({ TopicArn: arn }));
      }),
  };
}

const foreign = (arn: string): EverspotError =>
  new EverspotError(`the topic ${arn} exists already, and is not this site's`, {
    resource: arn,
    hint: "give the site another name, or delete that topic if nothing uses it",
  });
