import type { Tag } from "@aws-sdk/client-iam";
import { AwsError } from "../wire/server.ts";
import { validation } from "./entities.ts";

/** @throws AwsError ValidationError when the name is not one IAM takes (1 to `longest` of A-Z a-z 0-9 + = , . @ _ -). */
export function assertName(name: string | undefined, member: string, longest: number): string {
  if (name === undefined || name.length > longest || !/^[\w+=,.@-]+$/.test(name)) {
    throw validation(
      `1 validation error detected: Value '${name ?? ""}' at '${member}' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+ and have length less than or equal to ${longest}`,
    );
  }
  return name;
}

export function assertPath(path: string | undefined): string {
  if (path === undefined) return "/";
  if (!/^\/([!-~]+\/)?$/.test(path)) {
    throw validation(
      "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
    );
  }
  return path;
}

export function addTags(tags: Map<string, string>, given: readonly Tag[] | undefined): void {
  for (const { Key, Value } of given ?? []) {
    if (Key === undefined || Key === "" || Key.length > 128 || /^aws:/i.test(Key)) {
      throw new AwsError("InvalidInput", `Invalid tag key '${Key ?? ""}'`, 400);
    }
    tags.set(Key, Value ?? "");
  }
  if (tags.size > 50)
    throw new AwsError("LimitExceeded", "The number of tags has reached the maximum limit.", 409);
}

export const tagList = (tags: ReadonlyMap<string, string>): { Key: string; Value: string }[] =>
  [...tags].map(([Key, Value]) => ({ Key, Value }));

/** Documents come back URL-encoded as in RFC 3986. */
export const encodeDocument = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
