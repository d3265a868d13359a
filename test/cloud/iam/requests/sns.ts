import type * as SNS from "@aws-sdk/client-sns";
import { type Check, check, type Mapping, requestTags, resourceTags, type World } from "./check.ts";

/** Service Authorization Reference, "Amazon SNS". */
const on =
  (action: string) =>
  (input: { TopicArn?: string | undefined; ResourceArn?: string | undefined }, world: World): Check[] => {
    const arn = input.TopicArn ?? input.ResourceArn ?? "*";
    return [check(`sns:${action}`, arn, resourceTags(world, arn))];
  };

export const sns: Mapping = {
  CreateTopic: ({ Name, Tags }: SNS.CreateTopicCommandInput, world) => {
    const arn = `arn:aws:sns:${world.region}:${world.account}:${Name}`;
    const tags = requestTags(Tags);
    return [
      check("sns:CreateTopic", arn, tags),
      ...((Tags ?? []).length === 0 ? [] : [check("sns:TagResource", arn, tags)]),
    ];
  },
  ListTopics: () => [check("sns:ListTopics", "*")],
  DeleteTopic: on("DeleteTopic"),
  ListTagsForResource: on("ListTagsForResource"),
  ListSubscriptionsByTopic: on("ListSubscriptionsByTopic"),
  Subscribe: on("Subscribe"),
  // It takes no resource.
  Unsubscribe: () => [check("sns:Unsubscribe", "*")],
  Publish: on("Publish"),
};
