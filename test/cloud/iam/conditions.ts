import net from "node:net";
import { ContractError } from "../wire/errors.ts";
import { type Context, matches, matchesArn, variableValue } from "./match.ts";

/** `{ StringEquals: { "aws:RequestTag/a": ["b"] } }`. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** Whether one value of the request fits one value of the policy. */
type Compare = (given: string, wanted: string, context: Context | undefined) => boolean;

const ordered =
  (toNumber: (text: string) => number, holds: (difference: number) => boolean): Compare =>
  (given, wanted) =>
    holds(toNumber(given) - toNumber(wanted));

/** ISO 8601, or seconds since the epoch. */
const seconds = (text: string): number =>
  /^\d+$/.test(text) ? Number(text) : new Date(text).getTime() / 1000;

function inRange(given: string, range: string): boolean {
  const [address = "", bits] = range.split("/");
  const family = net.isIPv6(address) ? "ipv6" : "ipv4";
  const list = new net.BlockList();
  list.addSubnet(address, bits === undefined ? (family === "ipv6" ? 128 : 32) : Number(bits), family);
  return list.check(given, net.isIPv6(given) ? "ipv6" : "ipv4");
}

const exactly: Compare = (given, wanted, context) => literal(wanted, context) === given;
const ignoringCase: Compare = (given, wanted, context) =>
  literal(wanted, context)?.toLowerCase() === given.toLowerCase();

/** A value in which only variables are special. */
function literal(wanted: string, context: Context | undefined): string | undefined {
  if (context === undefined || !wanted.includes("${")) return wanted;
  let missing = false;
  const text = wanted.replace(/\$\{([^}]*)\}/g, (_, variable: string) => {
    const value = variableValue(variable, context);
    missing ||= value === undefined;
    return value ?? "";
  });
  return missing ? undefined : text;
}

/** Operators by name in lower case; those that begin with "Not" or hold it are made from their positives. */
const POSITIVE: Readonly<Record<string, Compare>> = {
  stringequals: exactly,
  stringequalsignorecase: ignoringCase,
  stringlike: (given, wanted, context) => matches(wanted, given, context),
  arnequals: (given, wanted, context) => matchesArn(wanted, given, context),
  arnlike: (given, wanted, context) => matchesArn(wanted, given, context),
  bool: (given, wanted) => given.toLowerCase() === wanted.toLowerCase(),
  numericequals: ordered(Number, (d) => d === 0),
  numericlessthan: ordered(Number, (d) => d < 0),
  numericlessthanequals: ordered(Number, (d) => d <= 0),
  numericgreaterthan: ordered(Number, (d) => d > 0),
  numericgreaterthanequals: ordered(Number, (d) => d >= 0),
  dateequals: ordered(seconds, (d) => d === 0),
  datelessthan: ordered(seconds, (d) => d < 0),
  datelessthanequals: ordered(seconds, (d) => d <= 0),
  dategreaterthan: ordered(seconds, (d) => d > 0),
  dategreaterthanequals: ordered(seconds, (d) => d >= 0),
  ipaddress: inRange,
};

const NEGATED: Readonly<Record<string, string>> = {
  stringnotequals: "stringequals",
  stringnotequalsignorecase: "stringequalsignorecase",
  stringnotlike: "stringlike",
  arnnotequals: "arnequals",
  arnnotlike: "arnlike",
  numericnotequals: "numericequals",
  datenotequals: "dateequals",
  notipaddress: "ipaddress",
};

interface Operator {
  set: "all" | "any" | undefined;
  ifExists: boolean;
  negated: boolean;
  /** Undefined for `Null`. */
  compare: Compare | undefined;
}

const operators = new Map<string, Operator | undefined>();

/** Undefined for a name that is no operator. */
export function parseOperator(name: string): Operator | undefined {
  if (!operators.has(name)) operators.set(name, readOperator(name));
  return operators.get(name);
}

function readOperator(name: string): Operator | undefined {
  const [, set, base = "", ifExists] =
    /^(?:(forallvalues|foranyvalue):)?([a-z]+?)(ifexists)?$/.exec(name.toLowerCase()) ?? [];
  const negatedBase = NEGATED[base];
  const compare = POSITIVE[negatedBase ?? base];
  if (compare === undefined && base !== "null") return undefined;
  return {
    set: set === "forallvalues" ? "all" : set === "foranyvalue" ? "any" : undefined,
    ifExists: ifExists !== undefined,
    negated: negatedBase !== undefined,
    compare,
  };
}

/** Keys that hold several values: without ForAllValues or ForAnyValue their outcome is not defined by AWS. */
const MULTI_VALUED = [
  "aws:tagkeys",
  "s3:requestobjecttagkeys",
  "route53:changeresourcerecordsetsnormalizedrecordnames",
  "route53:changeresourcerecordsetsrecordtypes",
  "route53:changeresourcerecordsetsactions",
  "acm:domainnames",
];

/**
 * Whether all conditions of a statement hold (IAM user guide, "Evaluation logic for multiple context keys or
 * values"). `variables` is false for documents older than 2012-10-17.
 */
export function conditionsHold(conditions: Conditions, context: Context, variables: boolean): boolean {
  return Object.entries(conditions).every(([name, keys]) => {
    const operator = parseOperator(name);
    if (operator === undefined) throw new ContractError(`condition operator ${name} is not modelled`);
    return Object.entries(keys).every(([key, wanted]) => holds(operator, key, wanted, context, variables));
  });
}

function holds(
  operator: Operator,
  key: string,
  wanted: readonly string[],
  context: Context,
  variables: boolean,
): boolean {
  const given = context.get(key.toLowerCase());
  const compare = operator.compare;
  if (compare === undefined) {
    return wanted.some((w) => (w.toLowerCase() === "true") === (given === undefined));
  }
  if (operator.set === undefined && MULTI_VALUED.includes(key.toLowerCase())) {
    throw new ContractError(`${key} holds several values: use ForAllValues: or ForAnyValue:`);
  }
  const fits = (value: string): boolean =>
    wanted.some((w) => compare(value, w, variables ? context : undefined)) !== operator.negated;
  if (given === undefined) {
    if (operator.set !== undefined) return operator.set === "all";
    return operator.ifExists || operator.negated;
  }
  return operator.set === "any" || operator.set === undefined ? given.some(fits) : given.every(fits);
}
