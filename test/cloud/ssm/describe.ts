import type { DescribeParametersCommandInput, ParameterStringFilter } from "@aws-sdk/client-ssm";
import { ContractError } from "../wire/errors.ts";
import { invalid, type Parameter } from "./parameter.ts";

/** Below a path: one level, or all. */
export function isBelow(name: string, path: string, recursive: boolean): boolean {
  const prefix = path.endsWith("/") ? path : `${path}/`;
  return name.startsWith(prefix) && (recursive || !name.slice(prefix.length).includes("/"));
}

export function matchesFilters(
  parameter: Parameter,
  filters: DescribeParametersCommandInput["ParameterFilters"],
): boolean {
  return (filters ?? []).every((filter) => matches(parameter, filter));
}

function matches(parameter: Parameter, { Key = "", Option, Values = [] }: ParameterStringFilter): boolean {
  const option = Option ?? (Key === "Path" ? "OneLevel" : "Equals");
  if (Key === "Path") return Values.some((path) => isBelow(parameter.name, path, option === "Recursive"));
  if (Key === "Name" || Key === "Type" || Key.startsWith("tag:")) {
    const tag = parameter.tags.get(Key.slice("tag:".length));
    const value = Key === "Name" ? parameter.name : Key === "Type" ? parameter.type : tag;
    // A tag filter without values asks for the tag alone.
    return (
      value !== undefined && (Values.length === 0 || Values.some((wanted) => compare(value, wanted, option)))
    );
  }
  throw new ContractError(`ssm: a filter by ${Key} is not modelled`);
}

function compare(value: string, wanted: string, option: string): boolean {
  switch (option) {
    case "Equals":
      return value === wanted;
    case "BeginsWith":
      return value.startsWith(wanted);
    case "Contains":
      return value.includes(wanted);
    default:
      throw invalid(`The filter option ${option} is not valid`);
  }
}

/** One page; the token is where the next one begins. */
export function page<T>(
  all: readonly T[],
  max: number,
  token: string | undefined,
): { shown: T[]; next: { NextToken?: string } } {
  const from = token === undefined ? 0 : Number(Buffer.from(token, "base64url").toString());
  if (!Number.isInteger(from)) throw invalid("The specified token is not valid.");
  const shown = all.slice(from, from + max);
  const end = from + shown.length;
  return {
    shown,
    next: end < all.length ? { NextToken: Buffer.from(String(end)).toString("base64url") } : {},
  };
}
