import type { ResourceType, Tag, TagSpecification } from "@aws-sdk/client-ec2";
import { AwsError } from "../wire/errors.ts";
import { invalid, notFound } from "./errors.ts";
import { select } from "./filters.ts";
import type { Handlers } from "./operations.ts";
import { page } from "./paging.ts";

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions */
const MAX_TAGS = 50;
const MAX_KEY = 128;
const MAX_VALUE = 256;

interface Tagged {
  type: ResourceType;
  tags: Map<string, string>;
}

/** The tags of everything, and with them the register of what exists and can be tagged. */
export class Tags {
  readonly #resources = new Map<string, Tagged>();
  readonly #pageSize: number;

  constructor(pageSize: number) {
    this.#pageSize = pageSize;
  }

  /** Registers a new resource. */
  adopt(id: string, type: ResourceType, tags: readonly Tag[] = []): void {
    const resource = { type, tags: new Map<string, string>() };
    this.#resources.set(id, resource);
    for (const tag of tags) resource.tags.set(tag.Key ?? "", tag.Value ?? "");
  }

  /** Forgets a resource that is gone. */
  drop(id: string): void {
    this.#resources.delete(id);
  }

  has(id: string): boolean {
    return this.#resources.has(id);
  }

  of(id: string): Tag[] {
    return [...(this.#resources.get(id)?.tags ?? [])].map(([Key, Value]) => ({ Key, Value }));
  }

  readonly handlers: Handlers = {
    CreateTags: ({ Resources, Tags: tags }) => {
      const checked = checkTags(tags ?? []);
      const resources = (Resources ?? []).map((id) => this.#find(id));
      for (const resource of resources) {
        const keys = new Set([...resource.tags.keys(), ...checked.map((t) => t.Key ?? "")]);
        if (keys.size > MAX_TAGS) throw tooMany();
      }
      for (const resource of resources) {
        for (const tag of checked) resource.tags.set(tag.Key ?? "", tag.Value ?? "");
      }
      return {};
    },
    DeleteTags: ({ Resources, Tags: tags }) => {
      for (const resource of (Resources ?? []).map((id) => this.#find(id))) {
        if (tags === undefined || tags.length === 0) {
          for (const key of [...resource.tags.keys()]) if (!key.startsWith("aws:")) resource.tags.delete(key);
        }
        for (const { Key = "", Value } of tags ?? []) {
          if (Value === undefined || resource.tags.get(Key) === Value) resource.tags.delete(Key);
        }
      }
      return {};
    },
    DescribeTags: (input) => {
      const all = [...this.#resources].flatMap(([ResourceId, { type, tags }]) =>
        [...tags].map(([Key, Value]) => ({ ResourceId, ResourceType: type, Key, Value })),
      );
      const wanted = select(
        all,
        input.Filters,
        {
          "resource-id": (t) => t.ResourceId,
          "resource-type": (t) => t.ResourceType,
          key: (t) => t.Key,
          value: (t) => t.Value,
        },
        (t) => [t],
      );
      const { items, nextToken } = page(wanted, input, this.#pageSize);
      return { Tags: items, NextToken: nextToken };
    },
  };

  #find(id: string): Tagged {
    const resource = this.#resources.get(id);
    if (resource === undefined) throw notFound(id);
    return resource;
  }
}

/**
 * The tags a create call gives to a resource of one type.
 * @param allowed types this operation can tag; any other is refused as AWS does.
 */
export function specifiedTags(
  specifications: readonly TagSpecification[] | undefined,
  type: ResourceType,
  allowed: readonly ResourceType[] = [type],
): Tag[] {
  const seen = new Set<string>();
  for (const { ResourceType: given } of specifications ?? []) {
    if (given === undefined || !allowed.includes(given)) {
      throw invalid(`'${given ?? ""}' is not a valid taggable resource type for this operation.`);
    }
    if (seen.has(given)) throw invalid(`Duplicate resource type '${given}' in tag specifications.`);
    seen.add(given);
  }
  const own = (specifications ?? []).filter((s) => s.ResourceType === type).flatMap((s) => s.Tags ?? []);
  return checkTags(own);
}

export function checkTags(tags: readonly Tag[]): Tag[] {
  const keys = tags.map((t) => t.Key ?? "");
  if (new Set(keys).size !== keys.length) throw invalid("Duplicate tag key specified");
  for (const { Key = "", Value = "" } of tags) {
    if (Key === "" || Key.length > MAX_KEY)
      throw invalid(`Tag key exceeds the maximum length of ${MAX_KEY}: '${Key}'`);
    if (Value.length > MAX_VALUE)
      throw invalid(`Tag value exceeds the maximum length of ${MAX_VALUE}: '${Value}'`);
    if (Key.toLowerCase().startsWith("aws:")) {
      throw invalid("Tag keys starting with 'aws:' are reserved for internal use");
    }
  }
  if (keys.length > MAX_TAGS) throw tooMany();
  return tags.map(({ Key = "", Value = "" }) => ({ Key, Value }));
}

const tooMany = (): AwsError =>
  new AwsError("TagLimitExceeded", `More than ${MAX_TAGS} tags specified for a resource.`);
