import type { Readable } from "node:stream";
import { ToStringShapeSerializer } from "@smithy/core/protocols";
import type { NormalizedSchema } from "@smithy/core/schema";
import { EPOCH_SECONDS, ISO_8601, jsonCodec, settings, xmlCodec } from "./codec.ts";
import { bodyMembers, type Dict, membersOf, payloadMember, remembered, renamed, traitsOf } from "./schema.ts";
import type { Operation, Service } from "./service.ts";

/** What goes over the wire. A stream must come with a content-length header. */
export interface WireReply {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array | string | Readable;
}

/** For handlers that answer with more than the output: another status (206), or headers no member stands for. */
export class Reply {
  readonly output: object;
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  constructor(output: object, more: { status?: number; headers?: Readonly<Record<string, string>> } = {}) {
    this.output = output;
    this.status = more.status;
    this.headers = more.headers ?? {};
  }
}

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Writes an output the SDK's client of the service reads back unchanged. */
export function writeReply(
  service: Service,
  operation: Operation,
  output: Dict,
  requestId: string,
): WireReply {
  switch (service.protocol) {
    case "awsJson":
      return {
        status: 200,
        headers: { "content-type": "application/x-amz-json-1.1" },
        body: operation.output.isUnitSchema() ? "{}" : writeJson(operation.output, output, false),
      };
    case "ec2Query":
    case "awsQuery":
      return {
        status: 200,
        headers: { "content-type": "text/xml" },
        body: queryBody(service, operation, output, requestId),
      };
    case "restXml":
    case "restJson1":
      return restReply(service, operation, output);
  }
}

function writeJson(schema: NormalizedSchema, value: unknown, rest: boolean): string | Uint8Array {
  const serializer = jsonCodec(rest).createSerializer();
  serializer.write(schema, value);
  return serializer.flush();
}

/** The members of a structure under a root element of the given name. */
function writeXml(
  service: Service,
  schema: NormalizedSchema,
  value: Dict,
  root: string,
  xmlNamespace: string,
): string {
  const serializer = xmlCodec(service, { httpBindings: false, xmlNamespace }).createSerializer();
  serializer.write(renamed(schema, root), value);
  return serializer.flush().toString();
}

function queryBody(service: Service, operation: Operation, output: Dict, requestId: string): string {
  const members = operation.output.isUnitSchema()
    ? ""
    : writeXml(service, operation.output, output, "Root", "").replace(/^<Root\/>$|^<Root>|<\/Root>$/g, "");
  const result = operation.output.isUnitSchema()
    ? ""
    : `<${operation.name}Result>${members}</${operation.name}Result>`;
  const body =
    service.protocol === "ec2Query"
      ? `<requestId>${requestId}</requestId>${members}`
      : `${result}<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`;
  return `${XML}<${operation.name}Response xmlns="${service.xmlNamespace}">${body}</${operation.name}Response>`;
}

function restReply(service: Service, operation: Operation, output: Dict): WireReply {
  const { headers, status } = boundOutput(service, operation, output);
  const { body, type } = restBody(service, operation, output);
  return { status: status ?? operation.status, headers: { ...type, ...headers }, body };
}

const xmlTexts = new ToStringShapeSerializer(settings(ISO_8601, true));
const jsonTexts = new ToStringShapeSerializer(settings(EPOCH_SECONDS, true));

const outputMembers = remembered((schema) =>
  [...membersOf(schema)].map(([name, member]) => ({ name, member, traits: traitsOf(member) })),
);

function boundOutput(service: Service, operation: Operation, output: Dict) {
  const toText = service.protocol === "restXml" ? xmlTexts : jsonTexts;
  const headers: Record<string, string> = {};
  let status: number | undefined;
  for (const { name, member, traits } of outputMembers(operation.output)) {
    const value = output[name];
    if (value === undefined || value === null) continue;
    if (traits.httpHeader !== undefined) {
      toText.write(member, value);
      headers[traits.httpHeader.toLowerCase()] = toText.flush();
    } else if (traits.httpPrefixHeaders !== undefined) {
      for (const [key, item] of Object.entries(value)) {
        headers[traits.httpPrefixHeaders + key.toLowerCase()] = String(item);
      }
    } else if (traits.httpResponseCode !== undefined) status = Number(value);
  }
  return { headers, status };
}

function restBody(
  service: Service,
  operation: Operation,
  output: Dict,
): { body: WireReply["body"]; type: Record<string, string> } {
  const xml = service.protocol === "restXml";
  const type: Record<string, string> = { "content-type": xml ? "application/xml" : "application/json" };
  const payload = payloadMember(operation.output);
  if (payload !== undefined) {
    const [name, member] = payload;
    const value = output[name];
    if (value === undefined || value === null) return { body: "", type: {} };
    if (member.isBlobSchema() || member.isStringSchema())
      return { body: value as WireReply["body"], type: {} };
    if (!xml) return { body: writeJson(member, value, true), type };
    const serializer = xmlCodec(service, {
      httpBindings: true,
      xmlNamespace: service.xmlNamespace,
    }).createSerializer();
    serializer.write(member, value);
    return { body: serializer.flush(), type };
  }
  const members = bodyMembers(operation.output);
  if (members === undefined) return { body: "", type: {} };
  if (!xml) return { body: writeJson(members, output, true), type };
  const root = traitsOf(operation.output).xmlName ?? operation.output.getName() ?? operation.name;
  return { body: XML + writeXml(service, members, output, root, service.xmlNamespace), type };
}
