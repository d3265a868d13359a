import { FromStringShapeDeserializer } from "@smithy/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { EPOCH_SECONDS, ISO_8601, jsonCodec, settings, xmlCodec } from "./codec.ts";
import { ContractError } from "./errors.ts";
import type { Parsed, RawRequest } from "./raw-request.ts";
import { bodyMembers, type Dict, membersOf, payloadMember, remembered, traitsOf } from "./schema.ts";
import { hasMember, type Operation, type Service } from "./service.ts";

/** Reads a REST request by its HTTP bindings, the other way round than the SDK writes it. */
export async function readRest(service: Service, request: RawRequest): Promise<Parsed> {
  const { bucket, path } =
    service.signingName === "s3" ? splitBucket(request) : { path: request.url.pathname };
  const operation = route(service, request, path, bucket !== undefined);
  const labels = labelsOf(operation, path);
  if (bucket !== undefined) labels.set("Bucket", bucket);
  const input: Dict = {};
  for (const [name, member] of membersOf(operation.input)) {
    const value = readBound(service, request, labels, name, member);
    if (value !== undefined) input[name] = value;
  }
  assertKnownQuery(operation, request.url);
  assertKnownHeaders(operation, request.headers);
  Object.assign(input, await readRestBody(service, operation, request));
  return { operation, input };
}

/** The bucket is in the SDK's endpoint rules, not in the URI template: first in the path, or first in the host. */
function splitBucket(request: RawRequest): { bucket?: string; path: string } {
  const host = (request.headers.host ?? "").replace(/:\d+$/, "");
  const { pathname } = request.url;
  const virtual = /^(.+)\.(localhost|s3[.-].*)$/.exec(host)?.[1];
  if (virtual !== undefined) return { bucket: virtual, path: pathname };
  const [, bucket, path] = /^\/([^/]+)(\/.*)?$/s.exec(pathname) ?? [];
  return bucket === undefined
    ? { path: pathname }
    : { bucket: decodeURIComponent(bucket), path: path ?? "/" };
}

function route(service: Service, request: RawRequest, path: string, hasBucket: boolean): Operation {
  const { method, url, headers } = request;
  const line = `${method} ${url.pathname}${url.search}`;
  const operation = service.routes.find(
    (o) =>
      o.method === method &&
      o.path.test(path) &&
      hasFixedQuery(o, url.searchParams) &&
      o.requiredQuery.every((key) => url.searchParams.has(key)) &&
      o.requiredHeaders.every((name) => headers[name] !== undefined) &&
      (service.signingName !== "s3" || hasMember(o, "Bucket") === hasBucket),
  );
  if (operation === undefined) throw new ContractError(`${service.signingName} has no operation for ${line}`);
  const named = url.searchParams.get("x-id");
  if (named !== null && named !== operation.name)
    throw new ContractError(`took ${line} for ${operation.name}`);
  return operation;
}

function hasFixedQuery({ fixedQuery }: Operation, query: URLSearchParams): boolean {
  for (const [key, value] of fixedQuery) {
    if (!query.has(key) || (value !== "" && query.get(key) !== value)) return false;
  }
  return true;
}

function labelsOf(operation: Operation, path: string): Map<string, string> {
  const [, ...values] = operation.path.exec(path) ?? [];
  return new Map(operation.labels.map((label, i) => [label, decodeURIComponent(values[i] ?? "")]));
}

const xmlLeaves = new FromStringShapeDeserializer(settings(ISO_8601, true));
const jsonLeaves = new FromStringShapeDeserializer(settings(EPOCH_SECONDS, true));

function readBound(
  service: Service,
  { url, headers }: RawRequest,
  labels: ReadonlyMap<string, string>,
  name: string,
  member: NormalizedSchema,
): unknown {
  const traits = traitsOf(member);
  const leaves = service.protocol === "restXml" ? xmlLeaves : jsonLeaves;
  const read = (schema: NormalizedSchema, value: string | null | undefined): unknown =>
    value === null || value === undefined ? undefined : leaves.read(schema, value);
  if (traits.httpLabel !== undefined) return read(member, labels.get(name));
  if (traits.httpHeader !== undefined) return read(member, headers[traits.httpHeader.toLowerCase()]);
  if (traits.httpQuery !== undefined) {
    if (!member.isListSchema()) return read(member, url.searchParams.get(traits.httpQuery));
    const values = url.searchParams.getAll(traits.httpQuery);
    return values.length === 0 ? undefined : values.map((v) => read(member.getValueSchema(), v));
  }
  if (traits.httpPrefixHeaders !== undefined) {
    const prefix = traits.httpPrefixHeaders.toLowerCase();
    const found = Object.entries(headers).filter(([key]) => key.startsWith(prefix));
    return found.length === 0
      ? undefined
      : Object.fromEntries(found.map(([key, value]) => [key.slice(prefix.length), value]));
  }
  return undefined;
}

async function readRestBody(
  service: Service,
  operation: Operation,
  { method, body }: RawRequest,
): Promise<Dict> {
  const codec = () =>
    service.protocol === "restXml"
      ? xmlCodec(service, { httpBindings: true, xmlNamespace: service.xmlNamespace })
      : jsonCodec(true);
  const payload = payloadMember(operation.input);
  if (payload === undefined) {
    const members = bodyMembers(operation.input);
    if (members === undefined || body.length === 0) return {};
    return (await codec().createDeserializer().read(members, body.toString("utf8"))) as Dict;
  }
  const [name, member] = payload;
  if (body.length === 0 && method !== "PUT") return {};
  if (member.isBlobSchema()) return { [name]: body };
  if (member.isStringSchema()) return { [name]: body.toString("utf8") };
  return body.length === 0
    ? {}
    : { [name]: await codec().createDeserializer().read(member, body.toString("utf8")) };
}

/** What members of an input stand for in query and headers. */
const boundNames = remembered((schema) => {
  const bound = [...membersOf(schema).values()].map(traitsOf);
  return {
    query: new Set(bound.map((t) => t.httpQuery)),
    headers: new Set(bound.map((t) => t.httpHeader?.toLowerCase())),
    prefixes: bound.flatMap((t) => (t.httpPrefixHeaders === undefined ? [] : [t.httpPrefixHeaders])),
  };
});

function assertKnownQuery({ name, input, fixedQuery }: Operation, url: URL): void {
  const { query } = boundNames(input);
  const isKnown = (key: string) => query.has(key) || fixedQuery.has(key) || key === "x-id";
  const unknown = [...url.searchParams.keys()].find((key) => !isKnown(key) && !/^x-amz-/i.test(key));
  if (unknown !== undefined) throw new ContractError(`${name} has no query parameter "${unknown}"`);
}

/** An input with what the client's middlewares wrote into headers, and with what every body of bytes has. */
export function withHeaders(
  service: Service,
  operation: Operation,
  input: Dict,
  headers: RawRequest["headers"],
): Dict {
  if (service.protocol !== "restXml" && service.protocol !== "restJson1") return input;
  assertKnownHeaders(operation, headers);
  const found: Dict = {};
  for (const [name, value] of Object.entries(headers)) {
    const bound = headerMembers(operation.input).get(name);
    if (bound !== undefined && value !== undefined) found[bound.name] = xmlLeaves.read(bound.member, value);
  }
  const [name, member] = payloadMember(operation.input) ?? [];
  if (name === undefined || !member?.isBlobSchema()) return { ...input, ...found };
  const type = headerMembers(operation.input).get("content-type")?.name;
  const length = headerMembers(operation.input).get("content-length")?.name;
  return {
    ...(operation.method === "PUT" && { [name]: Buffer.alloc(0) }),
    ...(type !== undefined && { [type]: "application/octet-stream" }),
    ...(length !== undefined && { [length]: Buffer.byteLength((input[name] ?? "") as string) }),
    ...input,
    ...found,
  };
}

const headerMembers = remembered(
  (schema) =>
    new Map(
      [...membersOf(schema)].flatMap(([name, member]) => {
        const header = traitsOf(member).httpHeader?.toLowerCase();
        return header === undefined ? [] : [[header, { name, member }] as const];
      }),
    ),
);

/** Of signing and of the SDK itself; no member stands for them. */
const COMMON_HEADERS = new Set([
  "x-amz-date",
  "x-amz-content-sha256",
  "x-amz-security-token",
  "x-amz-user-agent",
  "x-amz-decoded-content-length",
  "x-amz-trailer",
  "x-amz-sdk-checksum-algorithm",
]);

function assertKnownHeaders(operation: Operation, headers: RawRequest["headers"]): void {
  const { headers: names, prefixes } = boundNames(operation.input);
  for (const header of Object.keys(headers)) {
    if (!header.startsWith("x-amz-") || COMMON_HEADERS.has(header) || names.has(header)) continue;
    if (header.startsWith("x-amz-checksum-")) continue;
    if (prefixes.some((prefix) => header.startsWith(prefix))) continue;
    throw new ContractError(`${operation.name} has no header "${header}"`);
  }
}
