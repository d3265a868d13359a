import type { Call } from "../../wire/server.ts";

/** One permission a call needs: AWS evaluates each by itself and refuses the call at the first missing one. */
export interface Check {
  action: string;
  /** ARN or "*". */
  resource: string;
  /** Condition keys of this permission alone, e.g. `s3:prefix`. */
  context: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What the mappings must know of resources that belong to other parts of the local AWS. */
export interface Lookups {
  /** Undefined when there is no such resource. ARNs as in policies, e.g. "arn:aws:ec2:…:instance/i-1". */
  tagsOf(arn: string): Readonly<Record<string, string>> | undefined;
  /** Of a launch template version; the profile as the template names it (name or ARN). */
  launchTemplate(reference: TemplateReference): { id: string; profile: string | undefined } | undefined;
  /** JSON, undefined when the bucket has none. */
  bucketPolicy(bucket: string): string | undefined;
}

export interface TemplateReference {
  id: string | undefined;
  name: string | undefined;
  version: string | undefined;
}

/** Where the account is, and what a mapping may look up. */
export interface World extends Lookups {
  account: string;
  region: string;
  /** ARN of the role in an instance profile given by name or ARN. */
  roleOfProfile(profile: string): string | undefined;
}

/** From the input of one operation to what it needs. Inputs are the SDK's, checked against its schema before. */
export type Mapping = Readonly<Record<string, (input: never, world: World, call: Call) => readonly Check[]>>;

export const check = (action: string, resource: string, context: Check["context"] = {}): Check => ({
  action,
  resource,
  context,
});

/** The keys that a request with tags brings along. */
export function requestTags(
  tags: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined,
): Check["context"] {
  if (tags === undefined || tags.length === 0) return {};
  return {
    ...Object.fromEntries(tags.map((t) => [`aws:RequestTag/${t.Key ?? ""}`, t.Value ?? ""])),
    "aws:TagKeys": tags.map((t) => t.Key ?? ""),
  };
}

/** `aws:ResourceTag/…` and the service's own form of it. */
export function resourceTags(world: World, arn: string, prefix?: "ec2" | "iam"): Check["context"] {
  const tags = Object.entries(world.tagsOf(arn) ?? {});
  return Object.fromEntries(
    tags.flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value] as const,
      ...(prefix === undefined ? [] : [[`${prefix}:ResourceTag/${key}`, value] as const]),
    ]),
  );
}
