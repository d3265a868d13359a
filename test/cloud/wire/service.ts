import { NormalizedSchema } from "@smithy/core/schema";
import { ContractError } from "./errors.ts";
import { memberNames, requiredMembers, type SchemaRef, text, traitsOf } from "./schema.ts";

/** What the server knows of one service: all of it read out of the service's SDK client. */
export interface Service {
  /** As in the credential scope of a signature, e.g. "route53". */
  signingName: string;
  /** E.g. "aws.protocols#ec2Query". */
  protocol: "ec2Query" | "awsQuery" | "restXml" | "restJson1" | "awsJson";
  xmlNamespace: string;
  defaultNamespace: string;
  /** Of the query protocols, e.g. "2016-11-15". */
  version: string;
  /** Of the JSON protocol, e.g. "AmazonSSM". */
  targetPrefix: string;
  operations: ReadonlyMap<string, Operation>;
  /** The most particular first: the first that fits a REST request is the one. */
  routes: readonly Operation[];
}

export interface Operation {
  name: string;
  input: NormalizedSchema;
  output: NormalizedSchema;
  method: string;
  /** Of success. */
  status: number;
  path: RegExp;
  /** Names of the path's labels, in order. */
  labels: readonly string[];
  /** Query keys the URI template itself has, e.g. `versioning` or `list-type=2`; "" fits any value. */
  fixedQuery: ReadonlyMap<string, string>;
  /** Query keys and headers without which the request is of another operation. */
  requiredQuery: readonly string[];
  requiredHeaders: readonly string[];
}

/** Reading a client's schemas takes tens of milliseconds, and nothing ever changes them. */
const loaded = new WeakMap<object, Service>();

/** @throws ContractError when `clientModule` is not an SDK v3 client package. */
export function loadService(clientModule: object, signingName: string): Service {
  const known = loaded.get(clientModule);
  if (known?.signingName === signingName) return known;
  const service = readService(clientModule, signingName);
  loaded.set(clientModule, service);
  return service;
}

function readService(clientModule: object, signingName: string): Service {
  const { protocol, protocolSettings } = clientConfig(clientModule, signingName);
  const operations = new Map<string, Operation>();
  for (const exported of Object.values(clientModule)) {
    if (isOperationSchema(exported)) operations.set(exported[2], readOperation(exported));
  }
  const routes = [...operations.values()].sort(
    (a, b) => particularity(b) - particularity(a) || a.labels.length - b.labels.length,
  );
  return {
    signingName,
    protocol: protocolOf(protocol.getShapeId()),
    xmlNamespace: text(protocolSettings.xmlNamespace),
    defaultNamespace: text(protocolSettings.defaultNamespace),
    version: text(protocolSettings.version),
    targetPrefix: text(protocolSettings.serviceTarget),
    operations,
    routes,
  };
}

interface ClientConfig {
  protocol: { getShapeId(): string };
  protocolSettings: Record<string, unknown>;
}

function clientConfig(clientModule: object, signingName: string): ClientConfig {
  const entry = Object.entries(clientModule).find(
    ([name, value]) => /Client$/.test(name) && name !== "__Client" && typeof value === "function",
  );
  if (entry === undefined) throw new ContractError(`the module given for ${signingName} exports no client`);
  const Client = entry[1] as new (options: object) => { config: ClientConfig };
  return new Client({ region: "us-east-1", credentials: { accessKeyId: "x", secretAccessKey: "x" } }).config;
}

function protocolOf(shapeId: string): Service["protocol"] {
  const name = shapeId.replace("aws.protocols#", "").replace(/^awsJson1_[01]$/, "awsJson");
  switch (name) {
    case "ec2Query":
    case "awsQuery":
    case "restXml":
    case "restJson1":
    case "awsJson":
      return name;
    default:
      throw new ContractError(`no reader for the protocol ${shapeId}`);
  }
}

type HttpTrait = readonly [method: string, uri: string, status: number];
type OperationTuple = readonly [9, string, string, number | { http?: HttpTrait }, SchemaRef, SchemaRef];

/** Operation schemas are tuples [9, namespace, name, traits, input, output]. */
const isOperationSchema = (value: unknown): value is OperationTuple => Array.isArray(value) && value[0] === 9;

function readOperation(schema: OperationTuple): Operation {
  const [, , name, traits, input, output] = schema;
  const http = (typeof traits === "object" ? traits.http : undefined) ?? ["POST", "/", 200];
  const [template = "/", query = ""] = http[1].split("?");
  const { path, labels } = pathPattern(template);
  const inputSchema = NormalizedSchema.of(input);
  const required = inputSchema.isStructSchema()
    ? requiredMembers(inputSchema).map((member) => traitsOf(inputSchema.getMemberSchema(member)))
    : [];
  return {
    name,
    input: inputSchema,
    output: NormalizedSchema.of(output),
    method: http[0],
    status: http[2],
    path,
    labels,
    fixedQuery: new Map([...new URLSearchParams(query)].filter(([key]) => key !== "x-id")),
    requiredQuery: required.flatMap((t) => (t.httpQuery === undefined ? [] : [t.httpQuery])),
    requiredHeaders: required.flatMap((t) =>
      t.httpHeader === undefined ? [] : [t.httpHeader.toLowerCase()],
    ),
  };
}

/** `/{Bucket}/{Key+}` as a pattern; a label with "+" may hold slashes. */
function pathPattern(template: string): { path: RegExp; labels: string[] } {
  const labels: string[] = [];
  const pattern = template
    .replace(/[.*^$()|[\]\\]/g, "\\$&")
    .replace(/\{(\w+)(\+?)\}/g, (_whole, label: string, greedy: string) => {
      labels.push(label);
      return greedy === "+" ? "(.+)" : "([^/]+)";
    });
  return {
    path: new RegExp(`^${pattern}${labels.length > 0 && template.includes("+}") ? "" : "/?"}$`, "s"),
    labels,
  };
}

const particularity = (operation: Operation): number =>
  operation.fixedQuery.size + operation.requiredQuery.length + operation.requiredHeaders.length;

/** Whether an operation's input has a member of that name. */
export const hasMember = (operation: Operation, member: string): boolean =>
  operation.input.isStructSchema() && memberNames(operation.input).includes(member);
