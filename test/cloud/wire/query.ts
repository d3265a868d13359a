import { FromStringShapeDeserializer } from "@smithy/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { ISO_8601, settings } from "./codec.ts";
import { ContractError } from "./errors.ts";
import { type Dict, membersOf, remembered, traitsOf } from "./schema.ts";

/**
 * Reads the form bodies of the ec2Query and awsQuery protocols: `Filter.1.Name=x&Filter.1.Value.1=y`.
 * The SDK ships the writer of these only. https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
 * @throws ContractError for a parameter no member stands for.
 */
export function readQuery(
  schema: NormalizedSchema,
  form: URLSearchParams,
  dialect: "ec2Query" | "awsQuery",
): Dict {
  if (schema.isUnitSchema()) return {};
  return readStructure(schema, treeOf(form), { ec2: dialect === "ec2Query", at: "" });
}

interface Tree {
  value?: string;
  children: Map<string, Tree>;
}
interface Place {
  ec2: boolean;
  at: string;
}

const leaves = new FromStringShapeDeserializer(settings(ISO_8601, false));

function treeOf(form: URLSearchParams): Tree {
  const root: Tree = { children: new Map() };
  for (const [key, value] of form) {
    let node = root;
    for (const part of key.split(".")) {
      let child = node.children.get(part);
      if (child === undefined) {
        child = { children: new Map() };
        node.children.set(part, child);
      }
      node = child;
    }
    node.value = value;
  }
  return root;
}

function read(schema: NormalizedSchema, tree: Tree, place: Place): unknown {
  if (schema.isStructSchema()) return readStructure(schema, tree, place);
  if (schema.isListSchema()) return readList(schema, tree, place);
  if (schema.isMapSchema()) return readMap(schema, tree, place);
  return leaves.read(schema, tree.value ?? "");
}

function readStructure(schema: NormalizedSchema, tree: Tree, place: Place): Dict {
  const left = new Set(tree.children.keys());
  const result: Dict = {};
  for (const { key, name, member } of (place.ec2 ? ec2Members : awsMembers)(schema)) {
    const child = tree.children.get(key);
    if (child === undefined) continue;
    left.delete(key);
    result[name] = read(member, child, { ...place, at: `${place.at}.${name}` });
  }
  const [unknown] = left;
  if (unknown !== undefined)
    throw new ContractError(`query parameter ${place.at}.${unknown} is in no schema`);
  return result;
}

const ec2Members = remembered((schema) => wireMembers(schema, true));
const awsMembers = remembered((schema) => wireMembers(schema, false));

const wireMembers = (schema: NormalizedSchema, ec2: boolean) =>
  [...membersOf(schema)].map(([name, member]) => ({ key: wireName(name, member, ec2), name, member }));

function wireName(name: string, member: NormalizedSchema, ec2: boolean): string {
  const traits = traitsOf(member);
  if (ec2 && traits.ec2QueryName !== undefined) return traits.ec2QueryName;
  const key = traits.xmlName ?? name;
  return ec2 ? key.charAt(0).toUpperCase() + key.slice(1) : key;
}

function readList(schema: NormalizedSchema, tree: Tree, place: Place): unknown[] {
  const isEmpty = tree.value === "" && tree.children.size === 0;
  if (isEmpty) return [];
  const item = schema.getValueSchema();
  const flat = place.ec2 || traitsOf(schema).xmlFlattened !== undefined;
  const items = flat ? tree : tree.children.get(traitsOf(item).xmlName ?? "member");
  if (items === undefined) throw new ContractError(`query list ${place.at} has no items`);
  return numbered(items, place).map((child, i) => read(item, child, { ...place, at: `${place.at}[${i}]` }));
}

function readMap(schema: NormalizedSchema, tree: Tree, place: Place): Dict {
  const keyName = traitsOf(schema.getKeySchema()).xmlName ?? "key";
  const valueName = traitsOf(schema.getValueSchema()).xmlName ?? "value";
  const entries = traitsOf(schema).xmlFlattened !== undefined ? tree : tree.children.get("entry");
  if (entries === undefined) throw new ContractError(`query map ${place.at} has no entries`);
  return Object.fromEntries(
    numbered(entries, place).map((entry) => {
      const key = entry.children.get(keyName)?.value;
      const value = entry.children.get(valueName);
      if (key === undefined || value === undefined)
        throw new ContractError(`query map ${place.at}: half an entry`);
      return [key, read(schema.getValueSchema(), value, place)];
    }),
  );
}

function numbered(tree: Tree, place: Place): Tree[] {
  const stray = [...tree.children.keys()].find((key) => !/^\d+$/.test(key));
  if (stray !== undefined) throw new ContractError(`query list ${place.at}: "${stray}" is not an index`);
  return [...tree.children].sort(([a], [b]) => Number(a) - Number(b)).map(([, child]) => child);
}
