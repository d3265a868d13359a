import { createHash } from "node:crypto";
import type { PutParameterCommandInput, Tag } from "@aws-sdk/client-ssm";
import { AwsError, ContractError } from "../wire/errors.ts";

export interface Parameter {
  name: string;
  type: "String" | "StringList" | "SecureString";
  value: string;
  version: number;
  modified: number;
  keyId: string | undefined;
  description: string | undefined;
  allowedPattern: string | undefined;
  tags: Map<string, string>;
  /** Of AWS itself: anybody may read it, no one may change it. */
  isPublic: boolean;
}

export const invalid = (message: string): AwsError => new AwsError("ValidationException", message);

/** Standard tier. https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html */
const LARGEST_VALUE = 4096;
const MOST_LEVELS = 15;

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html @throws AwsError */
export function assertName(name: string): void {
  if (/^\/?(aws|ssm)/i.test(name)) {
    if (name.startsWith("/aws/")) {
      throw new AwsError("AccessDeniedException", `No access to reserved parameter name: ${name.slice(1)}.`);
    }
    throw invalid('Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).');
  }
  if (!/^[a-zA-Z0-9_.\-/]+$/.test(name) || name.endsWith("/") || name.includes("//")) {
    throw invalid(
      'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_',
    );
  }
  if (name.includes("/") && !name.startsWith("/"))
    throw invalid("Parameter name must be a fully qualified name.");
  if (name.split("/").length - 1 > MOST_LEVELS) {
    throw new AwsError(
      "HierarchyLevelLimitExceededException",
      `A hierarchy can have at most ${MOST_LEVELS} levels.`,
    );
  }
}

/** The parameter after a put. @throws AwsError by the rules of PutParameter. */
export function putParameter(
  found: Parameter | undefined,
  input: PutParameterCommandInput,
  now: number,
): Parameter {
  const {
    Name: name = "",
    Value: value = "",
    Overwrite: overwrite,
    Tags: tags,
    Tier: tier,
    DataType,
  } = input;
  assertName(name);
  if (input.Policies !== undefined) throw new ContractError("ssm.PutParameter: Policies is not modelled");
  if (tier !== undefined && tier !== "Standard")
    throw new ContractError(`ssm.PutParameter: no tier ${tier} here`);
  if (DataType !== undefined && DataType !== "text")
    throw new ContractError(`ssm: DataType ${DataType} is not modelled`);
  if (overwrite && tags !== undefined) {
    throw invalid(
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
    );
  }
  if (found !== undefined && !overwrite) {
    throw new AwsError(
      "ParameterAlreadyExists",
      "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    );
  }
  const type = typeOf(found, input);
  assertValue(value, input.AllowedPattern ?? found?.allowedPattern);
  return {
    name,
    type,
    value,
    version: (found?.version ?? 0) + 1,
    modified: now,
    keyId: type === "SecureString" ? (input.KeyId ?? found?.keyId ?? "alias/aws/ssm") : undefined,
    description: input.Description ?? found?.description,
    allowedPattern: input.AllowedPattern,
    tags: found?.tags ?? tagMap(tags ?? []),
    isPublic: false,
  };
}

function typeOf(found: Parameter | undefined, { Type: asked }: PutParameterCommandInput): Parameter["type"] {
  const type = asked ?? found?.type;
  if (type === undefined) throw invalid("A parameter type is required when you create a parameter.");
  if (type !== "String" && type !== "StringList" && type !== "SecureString") {
    throw new AwsError("UnsupportedParameterType", "The parameter type is not supported.");
  }
  if (found !== undefined && found.type !== type) {
    throw new AwsError(
      "HierarchyTypeMismatchException",
      "Parameter Store does not support changing a parameter type in a hierarchy. For example, you can't change a parameter from a String type to a SecureString type. You must create a new, unique parameter.",
    );
  }
  return type;
}

function assertValue(value: string, pattern: string | undefined): void {
  if (value === "") {
    throw invalid(
      "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.",
    );
  }
  if (value.length > LARGEST_VALUE) {
    throw invalid(
      `Standard tier parameters support a maximum parameter value of ${LARGEST_VALUE} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.`,
    );
  }
  if (/\{\{.*\}\}/.test(value))
    throw invalid('Parameter value can\'t nest another parameter. Do not use "{{}}" in the value.');
  if (pattern !== undefined && !new RegExp(`^(?:${pattern})$`).test(value)) {
    throw new AwsError(
      "ParameterPatternMismatchException",
      `Parameter value, cannot be validated against allowedPattern: ${pattern}`,
    );
  }
}

export const tagMap = (tags: readonly Tag[]): Map<string, string> =>
  new Map(tags.map(({ Key = "", Value = "" }) => [Key, Value]));

/** What a SecureString shows without decryption: text that tells nothing of the value's content. */
export const cipherText = ({ name, version }: Parameter): string =>
  createHash("sha512").update(`${name}:${version}`).digest("base64");
