import * as client from "@aws-sdk/client-sns";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { AwsError, ContractError, type WireServer } from "./wire/server.ts";

export interface SnsOptions {
  account: string;
  region: string;
  clock?: Clock;
}

interface Subscription {
  arn: string;
  protocol: string;
  endpoint: string;
  /** False: whoever has the address has not followed the link in SNS's mail. */
  confirmed: boolean;
  /** Milliseconds since the epoch. */
  asked: number;
}

interface Topic {
  arn: string;
  tags: Map<string, string>;
  subscriptions: Subscription[];
}

/** What came to an address. */
export interface ReceivedMail {
  to: string;
  subject: string;
  text: string;
}

/** SNS forgets a subscription that no one confirmed (SNS Developer Guide, "Deleting a subscription"). */
const UNCONFIRMED_MS = 48 * 3600_000;
const PAGE = 100;
/** SNS API Reference, Publish: ASCII, begins with a letter, digit or punctuation mark, no line breaks, under 100. */
const SUBJECT = /^[\x21-\x7e][\x20-\x7e]{0,98}$/;
const LONGEST = 256 * 1024;

/**
 * SNS: topics with subscriptions by mail. One that is not confirmed gets nothing, and is no error for who publishes.
 * Not modelled: other protocols, filters, FIFO, encryption, topic policies, and that CreateTopic answers before every
 * server knows the topic.
 */
export class Sns {
  readonly topics = new Map<string, Topic>();
  /** In the order in which they came. */
  readonly mails: ReceivedMail[] = [];
  /** Subscriptions of one page. */
  pageSize = PAGE;
  readonly #clock: Clock;

  constructor(wire: WireServer, { account, region, clock = systemClock }: SnsOptions) {
    this.#clock = clock;
    const on = <I>(operation: string, handler: (input: I) => object): WireServer =>
      wire.on<I>("sns", operation, handler);
    wire.use(client, "sns");
    on("CreateTopic", (input: client.CreateTopicCommandInput) => {
      if (input.Attributes !== undefined) throw new ContractError("sns.CreateTopic: no attributes here");
      if (!/^[A-Za-z0-9_-]{1,256}$/.test(input.Name ?? "")) throw invalid("Topic Name");
      const arn = `arn:aws:sns:${region}:${account}:${input.Name}`;
      const tags = new Map((input.Tags ?? []).map(({ Key = "", Value = "" }) => [Key, Value]));
      const there = this.topics.get(arn);
      if (there !== undefined && [...tags].some(([key, value]) => there.tags.get(key) !== value))
        throw invalid("Tags Reason: Topic already exists with different tags");
      if (there === undefined) this.topics.set(arn, { arn, tags, subscriptions: [] });
      return { TopicArn: arn };
    });
    on("DeleteTopic", ({ TopicArn = "" }: client.DeleteTopicCommandInput) => {
      this.topics.delete(TopicArn);
      return {};
    });
    on("ListTagsForResource", ({ ResourceArn = "" }: client.ListTagsForResourceCommandInput) => {
      const topic = this.topics.get(ResourceArn);
      if (topic === undefined) throw new AwsError("ResourceNotFound", "Resource does not exist", 404);
      return { Tags: [...topic.tags].map(([Key, Value]) => ({ Key, Value })) };
    });
    on("ListTopics", () => ({ Topics: [...this.topics.keys()].map((TopicArn) => ({ TopicArn })) }));
    on("Subscribe", (input: client.SubscribeCommandInput) => this.#subscribe(input));
    on("ListSubscriptionsByTopic", (input: client.ListSubscriptionsByTopicCommandInput) => this.#list(input));
    on("Unsubscribe", ({ SubscriptionArn = "" }: client.UnsubscribeCommandInput) => {
      if (SubscriptionArn.split(":").length < 6)
        throw invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1");
      for (const topic of this.topics.values()) {
        const found = topic.subscriptions.find((s) => s.arn === SubscriptionArn);
        if (found?.confirmed === false)
          throw invalid("SubscriptionArn Reason: This subscription is pending confirmation");
        topic.subscriptions = topic.subscriptions.filter((s) => s !== found);
      }
      return {};
    });
    on("Publish", (input: client.PublishCommandInput) => this.#publish(input));
  }

  /** Whoever has the address follows the link in SNS's mail. */
  confirm(endpoint: string): void {
    for (const topic of this.topics.values())
      for (const one of this.#subscriptionsOf(topic)) if (one.endpoint === endpoint) one.confirmed = true;
  }

  /** Undefined for an ARN of nothing here. */
  tagsOf(arn: string): Record<string, string> | undefined {
    const found = this.topics.get(arn);
    return found && Object.fromEntries(found.tags);
  }

  #topic(arn: string | undefined): Topic {
    const topic = this.topics.get(arn ?? "");
    if (topic === undefined) throw new AwsError("NotFound", "Topic does not exist", 404);
    return topic;
  }

  #subscriptionsOf(topic: Topic): Subscription[] {
    const now = this.#clock.now();
    topic.subscriptions = topic.subscriptions.filter((s) => s.confirmed || now - s.asked < UNCONFIRMED_MS);
    return topic.subscriptions;
  }

  #subscribe(input: client.SubscribeCommandInput): client.SubscribeCommandOutput | object {
    const { Protocol: protocol, Endpoint: endpoint = "", ReturnSubscriptionArn } = input;
    if (protocol !== "email") throw new ContractError("sns.Subscribe: by mail alone");
    if (!/^[^@\s]+@[^@\s]+$/.test(endpoint)) throw invalid("Email address");
    const topic = this.#topic(input.TopicArn);
    let one = this.#subscriptionsOf(topic).find((s) => s.endpoint === endpoint);
    if (one === undefined) {
      const arn = `${topic.arn}:${crypto.randomUUID()}`;
      one = { arn, protocol, endpoint, confirmed: false, asked: this.#clock.now() };
      topic.subscriptions.push(one);
    }
    if (!one.confirmed) {
      const subject = "AWS Notification - Subscription Confirmation";
      this.mails.push({ to: endpoint, subject, text: topic.arn });
    }
    return { SubscriptionArn: one.confirmed || ReturnSubscriptionArn ? one.arn : "pending confirmation" };
  }

  #list({ TopicArn, NextToken }: client.ListSubscriptionsByTopicCommandInput) {
    const all = this.#subscriptionsOf(this.#topic(TopicArn));
    const from = Number(NextToken ?? 0);
    const next = from + this.pageSize;
    return {
      Subscriptions: all.slice(from, next).map(({ arn, protocol, endpoint, confirmed }) => ({
        SubscriptionArn: confirmed ? arn : "PendingConfirmation",
        ...{ Protocol: protocol, Endpoint: endpoint, TopicArn },
      })),
      ...(next < all.length && { NextToken: String(next) }),
    };
  }

  #publish({ TopicArn, Subject, Message = "" }: client.PublishCommandInput): { MessageId: string } {
    const topic = this.#topic(TopicArn);
    if (Message === "") throw invalid("Empty message");
    if (Buffer.byteLength(Message) > LONGEST) throw invalid("Message too long");
    if (Subject !== undefined && !SUBJECT.test(Subject)) throw invalid("Subject");
    for (const { endpoint, confirmed } of this.#subscriptionsOf(topic))
      if (confirmed) this.mails.push({ to: endpoint, subject: Subject ?? "", text: Message });
    return { MessageId: crypto.randomUUID() };
  }
}

const invalid = (what: string): AwsError =>
  new AwsError("InvalidParameter", `Invalid parameter: ${what}`, 400);
