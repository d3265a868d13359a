import type { Filter, Tag } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";

/** What a filter of each name looks at. */
export type Fields<T> = Record<string, (item: T) => string | readonly string[] | undefined>;

/**
 * The items all filters let pass: any value of each filter matches, `*` and `?` are wildcards, case counts.
 * `tag:KEY` and `tag-key` work wherever items have tags.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html
 * @throws AwsError InvalidParameterValue for a filter name that is not in `fields`.
 */
export function select<T>(
  items: readonly T[],
  filters: readonly Filter[] | undefined,
  fields: Fields<T>,
  tagsOf?: (item: T) => readonly Tag[],
): T[] {
  const tests = (filters ?? []).map((filter) => test(filter, fields, tagsOf));
  return items.filter((item) => tests.every((passes) => passes(item)));
}

function test<T>(
  filter: Filter,
  fields: Fields<T>,
  tagsOf: ((item: T) => readonly Tag[]) | undefined,
): (item: T) => boolean {
  const name = filter.Name ?? "";
  const patterns = (filter.Values ?? []).map(pattern);
  const values = reader(name, fields, tagsOf);
  return (item) => values(item).some((value) => patterns.some((p) => p.test(value)));
}

function reader<T>(
  name: string,
  fields: Fields<T>,
  tagsOf: ((item: T) => readonly Tag[]) | undefined,
): (item: T) => readonly string[] {
  if (tagsOf !== undefined && name.startsWith("tag:")) {
    const key = name.slice("tag:".length);
    return (item) =>
      tagsOf(item)
        .filter((t) => t.Key === key)
        .map((t) => t.Value ?? "");
  }
  if (tagsOf !== undefined && name === "tag-key") return (item) => tagsOf(item).map((t) => t.Key ?? "");
  const field = fields[name];
  if (field === undefined) {
    const known = Object.keys(fields).join(", ");
    throw new AwsError("InvalidParameterValue", `The filter '${name}' is invalid (modelled here: ${known})`);
  }
  return (item) => {
    const value = field(item);
    return value === undefined ? [] : typeof value === "string" ? [value] : value;
  };
}

const pattern = (value: string): RegExp =>
  new RegExp(
    `^${value
      .replace(/[.+^$()[\]{}|\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
    "s",
  );
