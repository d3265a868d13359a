import type * as Logs from "@aws-sdk/client-cloudwatch-logs";
import { type Check, check, type Mapping, resourceTags, type World } from "./check.ts";

const groupArn = ({ region, account }: World, name = ""): string =>
  `arn:aws:logs:${region}:${account}:log-group:${name}`;

/**
 * What AWS names when it refuses an action on a group: the ARN with a stream's part that is empty. A policy with the bare
 * ARN of the group does not cover it (API Reference, LogGroup, "arn").
 */
function on(action: string, world: World, group: string | undefined, stream = ""): Check[] {
  const arn = groupArn(world, group);
  return [check(`logs:${action}`, `${arn}:log-stream:${stream}`, resourceTags(world, arn))];
}

/** The three actions on tags take the bare ARN. */
const onTags =
  (action: string) =>
  (input: { resourceArn: string | undefined; tags?: Record<string, string> | undefined }, world: World) => {
    const arn = input.resourceArn ?? "";
    return [check(`logs:${action}`, arn, { ...resourceTags(world, arn), ...given(input.tags) })];
  };

const given = (tags: Readonly<Record<string, string>> | undefined): Check["context"] =>
  tags === undefined || Object.keys(tags).length === 0
    ? {}
    : {
        ...Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])),
        "aws:TagKeys": Object.keys(tags),
      };

/** Service Authorization Reference, "Amazon CloudWatch Logs". */
export const logs: Mapping = {
  CreateLogGroup: (input: Logs.CreateLogGroupCommandInput, world) => {
    const tags = given(input.tags);
    const [own] = on("CreateLogGroup", world, input.logGroupName);
    return [
      ...(own === undefined ? [] : [{ ...own, context: { ...own.context, ...tags } }]),
      ...(Object.keys(tags).length === 0
        ? []
        : [check("logs:TagResource", groupArn(world, input.logGroupName), tags)]),
    ];
  },
  DeleteLogGroup: (input: Logs.DeleteLogGroupCommandInput, world) =>
    on("DeleteLogGroup", world, input.logGroupName),
  PutRetentionPolicy: (input: Logs.PutRetentionPolicyCommandInput, world) =>
    on("PutRetentionPolicy", world, input.logGroupName),
  DescribeLogGroups: (_, world) => on("DescribeLogGroups", world, ""),
  DescribeLogStreams: (input: Logs.DescribeLogStreamsCommandInput, world) =>
    on("DescribeLogStreams", world, input.logGroupName),
  FilterLogEvents: (input: Logs.FilterLogEventsCommandInput, world) =>
    on("FilterLogEvents", world, input.logGroupName),
  CreateLogStream: (input: Logs.CreateLogStreamCommandInput, world) =>
    on("CreateLogStream", world, input.logGroupName, input.logStreamName),
  PutLogEvents: (input: Logs.PutLogEventsCommandInput, world) =>
    on("PutLogEvents", world, input.logGroupName, input.logStreamName),
  TagResource: onTags("TagResource"),
  ListTagsForResource: onTags("ListTagsForResource"),
};
