import type {
  AddTagsToResourceCommandInput,
  DeleteParameterCommandInput,
  DeleteParametersCommandInput,
  DescribeParametersCommandInput,
  GetParameterCommandInput,
  GetParametersByPathCommandInput,
  GetParametersCommandInput,
  PutParameterCommandInput,
  RemoveTagsFromResourceCommandInput,
} from "@aws-sdk/client-ssm";
import * as clientSsm from "@aws-sdk/client-ssm";
import { isBelow, matchesFilters, page } from "./ssm/describe.ts";
import { cipherText, invalid, type Parameter, putParameter } from "./ssm/parameter.ts";
import { AwsError, ContractError } from "./wire/errors.ts";
import type { WireServer } from "./wire/server.ts";

export interface SsmOptions {
  account?: string;
  region?: string;
  now?: () => number;
  /** AWS's own, e.g. { "/aws/service/debian/release/13/latest/amd64": "ami-…" }. Read at each request. */
  publicParameters?: Readonly<Record<string, string>>;
}

/** Of one request. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html */
const MOST_NAMES = 10;

/** Parameter Store: standard parameters, their newest version only. What is left out is in README.md. */
export class Ssm {
  readonly parameters = new Map<string, Parameter>();
  readonly #options: Required<SsmOptions>;

  constructor(server: WireServer, options: SsmOptions = {}) {
    this.#options = {
      account: "123456789012",
      region: "us-east-1",
      now: Date.now,
      publicParameters: {},
      ...options,
    };
    server.use(clientSsm, "ssm");
    server.on("ssm", "PutParameter", (input: PutParameterCommandInput) => this.#put(input));
    server.on("ssm", "GetParameter", (input: GetParameterCommandInput) => {
      const { parameter, selector } = this.#select(input.Name ?? "");
      return { Parameter: this.#show(parameter, input.WithDecryption, selector) };
    });
    server.on("ssm", "GetParameters", (input: GetParametersCommandInput) => this.#getSeveral(input));
    server.on("ssm", "GetParametersByPath", (input: GetParametersByPathCommandInput) =>
      this.#getByPath(input),
    );
    server.on("ssm", "DescribeParameters", (input: DescribeParametersCommandInput) => this.#describe(input));
    server.on("ssm", "DeleteParameter", ({ Name = "" }: DeleteParameterCommandInput) => {
      if (!this.parameters.delete(Name)) throw notFound(Name);
      return {};
    });
    server.on("ssm", "DeleteParameters", ({ Names = [] }: DeleteParametersCommandInput) => {
      assertFew(Names);
      const DeletedParameters = Names.filter((name) => this.parameters.delete(name));
      return { DeletedParameters, InvalidParameters: Names.filter((n) => !DeletedParameters.includes(n)) };
    });
    this.#serveTags(server);
  }

  #put(input: PutParameterCommandInput) {
    const parameter = putParameter(this.parameters.get(input.Name ?? ""), input, this.#options.now());
    this.parameters.set(parameter.name, parameter);
    return { Version: parameter.version, Tier: "Standard" };
  }

  /** A name, an ARN, or either with ":<version>". @throws AwsError */
  #select(asked: string): { parameter: Parameter; selector: string | undefined } {
    const [, plain = "", version] = /^(?:arn:[^/]*?:parameter(?=\/))?([^:]+)(?::(.+))?$/.exec(asked) ?? [];
    const parameter = this.parameters.get(plain) ?? this.#publicOne(plain);
    if (parameter === undefined) throw notFound(asked);
    if (version !== undefined && Number(version) !== parameter.version) {
      if (/^\d+$/.test(version) && Number(version) < parameter.version) {
        throw new ContractError(`ssm: ${asked}: old versions are not modelled`);
      }
      throw new AwsError(
        "ParameterVersionNotFound",
        `Systems Manager could not find version ${version} of ${plain}.`,
      );
    }
    return { parameter, selector: version === undefined ? undefined : `:${version}` };
  }

  #publicOne(name: string): Parameter | undefined {
    const value = this.#options.publicParameters[name];
    if (value === undefined) return undefined;
    return {
      name,
      type: "String",
      value,
      version: 1,
      modified: 0,
      keyId: undefined,
      description: undefined,
      allowedPattern: undefined,
      tags: new Map(),
      isPublic: true,
    };
  }

  #show(parameter: Parameter, decrypt: boolean | undefined, selector?: string) {
    const { name, type, value, version, modified } = parameter;
    return {
      Name: name,
      Type: type,
      Value: type === "SecureString" && !decrypt ? cipherText(parameter) : value,
      Version: version,
      LastModifiedDate: new Date(modified),
      ARN: this.#arn(parameter),
      DataType: "text",
      ...(selector === undefined ? {} : { Selector: selector }),
    };
  }

  #arn({ name, isPublic }: Parameter): string {
    const { region, account } = this.#options;
    return `arn:aws:ssm:${region}:${isPublic ? "" : account}:parameter${name.startsWith("/") ? "" : "/"}${name}`;
  }

  #getSeveral({ Names = [], WithDecryption }: GetParametersCommandInput) {
    assertFew(Names);
    const found = Names.map((name) => ({
      name,
      parameter: this.parameters.get(name) ?? this.#publicOne(name),
    }));
    return {
      Parameters: found.flatMap(({ parameter }) =>
        parameter ? [this.#show(parameter, WithDecryption)] : [],
      ),
      InvalidParameters: found.flatMap(({ name, parameter }) => (parameter ? [] : [name])),
    };
  }

  #getByPath(input: GetParametersByPathCommandInput) {
    const { Path = "", Recursive = false, WithDecryption, MaxResults = 10, NextToken } = input;
    if (input.ParameterFilters !== undefined)
      throw new ContractError("ssm.GetParametersByPath: no filters here");
    if (!Path.startsWith("/")) {
      throw invalid("The parameter path must start with a forward slash (/).");
    }
    assertPageSize(MaxResults, 10);
    const publicOnes = Object.keys(this.#options.publicParameters).flatMap(
      (name) => this.#publicOne(name) ?? [],
    );
    const all = [...this.parameters.values(), ...publicOnes].filter((p) => isBelow(p.name, Path, Recursive));
    const { shown, next } = page(all.sort(byName), MaxResults, NextToken);
    return { Parameters: shown.map((p) => this.#show(p, WithDecryption)), ...next };
  }

  #describe(input: DescribeParametersCommandInput) {
    const { ParameterFilters, MaxResults = 50, NextToken, Filters, Shared } = input;
    if (Filters !== undefined || Shared)
      throw new ContractError("ssm.DescribeParameters: use ParameterFilters");
    assertPageSize(MaxResults, 50);
    const all = [...this.parameters.values()].filter((p) => matchesFilters(p, ParameterFilters));
    const { shown, next } = page(all.sort(byName), MaxResults, NextToken);
    const described = shown.map((p) => ({
      Name: p.name,
      ARN: this.#arn(p),
      Type: p.type,
      Version: p.version,
      LastModifiedDate: new Date(p.modified),
      Tier: "Standard",
      DataType: "text",
      Policies: [],
      ...(p.keyId === undefined ? {} : { KeyId: p.keyId }),
      ...(p.description === undefined ? {} : { Description: p.description }),
      ...(p.allowedPattern === undefined ? {} : { AllowedPattern: p.allowedPattern }),
    }));
    return { Parameters: described, ...next };
  }

  #serveTags(server: WireServer): void {
    server.on("ssm", "AddTagsToResource", (input: AddTagsToResourceCommandInput) => {
      const { tags } = this.#tagged(input);
      for (const { Key = "", Value = "" } of input.Tags ?? []) {
        if (/^aws:/i.test(Key)) throw invalid("Tag keys can't begin with aws:");
        tags.set(Key, Value);
      }
      if (tags.size > 50) throw new AwsError("TooManyTagsError", "A resource can have at most 50 tags.");
      return {};
    });
    server.on("ssm", "RemoveTagsFromResource", (input: RemoveTagsFromResourceCommandInput) => {
      const { tags } = this.#tagged(input);
      for (const key of input.TagKeys ?? []) tags.delete(key);
      return {};
    });
    server.on("ssm", "ListTagsForResource", (input: RemoveTagsFromResourceCommandInput) => ({
      TagList: [...this.#tagged(input).tags].map(([Key, Value]) => ({ Key, Value })),
    }));
  }

  #tagged({
    ResourceType,
    ResourceId = "",
  }: {
    ResourceType: string | undefined;
    ResourceId: string | undefined;
  }): Parameter {
    if (ResourceType !== "Parameter")
      throw new AwsError("InvalidResourceType", `${ResourceType} (local AWS: parameters only)`);
    const parameter = this.parameters.get(ResourceId);
    if (parameter === undefined)
      throw new AwsError("InvalidResourceId", `The resource ID ${ResourceId} is not valid.`);
    return parameter;
  }
}

const notFound = (name: string): AwsError =>
  new AwsError("ParameterNotFound", `Parameter ${name} not found.`);

const byName = (a: Parameter, b: Parameter): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

function assertFew(names: readonly string[]): void {
  if (names.length === 0 || names.length > MOST_NAMES) {
    throw invalid(`Member must have length less than or equal to ${MOST_NAMES}`);
  }
}

function assertPageSize(size: number, most: number): void {
  if (size < 1 || size > most) throw invalid(`Member must have value between 1 and ${most}`);
}
