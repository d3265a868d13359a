/**
 * A call of the SDK to a server of this very process, in the SDK's own shapes: everything of the client is as ever (its
 * middlewares, credentials, repetitions), but nothing is written as XML or a form, signed, and read again. What goes
 * another way over the wire than it was given does so here, too: see carried.ts, and sweep.test.ts for every operation.
 */
import { AwsSdkSigV4Signer } from "@aws-sdk/core/httpAuthSchemes";
import { Client } from "@smithy/core/client";
import { HttpRequest } from "@smithy/core/protocols";
import { NormalizedSchema } from "@smithy/core/schema";
import { sdkStreamMixin } from "@smithy/core/serde";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { type Dict, membersOf, payloadMember, type SchemaRef } from "./schema.ts";

/** What signs a call. */
export interface Signed {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | undefined;
  region: string | undefined;
}

/** A call as the client has it. */
export interface Handed {
  /** Of the service's schemas, e.g. "com.amazonaws.ec2". */
  namespace: string;
  operation: string;
  input: Dict;
  /** Undefined for a call that is not signed. */
  by: Signed | undefined;
}

const HANDED = Symbol("handed over");
const ANSWERED = Symbol("answered");

/** What a request carries in place of bytes, if it does. */
export const handedIn = (request: object): Handed | undefined => (request as { [HANDED]?: Handed })[HANDED];

/** Marks a response of which the output is known. */
export const answerWith = <T extends object>(response: T, output: Dict): T =>
  Object.assign(response, { [ANSWERED]: output });

interface OperationSchema {
  namespace: string;
  name: string;
  input: SchemaRef;
  output: SchemaRef;
}
interface Context {
  endpoint(): Promise<{ protocol: string; hostname: string; port?: number } | undefined>;
  requestHandler: unknown;
}
/** The part of the SDK's protocols that stands between shapes and bytes. */
interface Protocol {
  serializeRequest(operation: OperationSchema, input: Dict, context: Context): Promise<HttpRequest>;
  deserializeResponse(operation: OperationSchema, context: object, response: object): Promise<Dict>;
  deserializeMetadata(response: object): Dict;
}

/** @param takes whether the server at this host and port takes calls so. */
export function handOver(takes: (at: string) => boolean): void {
  const adopted = new WeakSet<object>();
  const { send } = Client.prototype as unknown as { send(this: unknown, ...args: unknown[]): unknown };
  (Client.prototype as unknown as { send: typeof send }).send = function (
    this: { config: { protocol?: Protocol } },
    ...args
  ) {
    const { protocol } = this.config;
    if (protocol !== undefined && !adopted.has(protocol)) {
      adopted.add(protocol);
      adopt(protocol, takes);
    }
    return send.apply(this, args);
  };
  const { sign } = AwsSdkSigV4Signer.prototype;
  AwsSdkSigV4Signer.prototype.sign = async function (request, identity, properties) {
    const handed = handedIn(request);
    if (handed === undefined) return sign.call(this, request, identity, properties);
    const { accessKeyId, secretAccessKey, sessionToken } = identity as unknown as Signed;
    const region = await regionOf(properties);
    handed.by = { accessKeyId, secretAccessKey, sessionToken: sessionToken || undefined, region };
    return request;
  };
}

async function regionOf(properties: Dict): Promise<string | undefined> {
  const { signingRegion, config } = properties as {
    signingRegion?: string;
    config?: { region?: () => Promise<string> };
  };
  return signingRegion ?? (await config?.region?.());
}

function adopt(protocol: Protocol, takes: (at: string) => boolean): void {
  const { serializeRequest, deserializeResponse } = protocol;
  protocol.serializeRequest = async (operation, input, context) => {
    const endpoint = await context.endpoint();
    const at = `${endpoint?.hostname}:${endpoint?.port}`;
    const body = bodyOf(operation, input);
    if (body === undefined || !(context.requestHandler instanceof NodeHttpHandler) || !takes(at))
      return serializeRequest.call(protocol, operation, input, context);
    const { protocol: scheme, hostname, port } = endpoint ?? { protocol: "", hostname: "" };
    const request = new HttpRequest({
      ...{ protocol: scheme, hostname, path: "/", method: "POST", headers: {}, query: {}, body },
      ...(port !== undefined && { port }),
    });
    const handed: Handed = {
      ...{ namespace: operation.namespace, operation: nameOf(operation), by: undefined },
      input: withToken(operation, input),
    };
    return Object.assign(request, { [HANDED]: handed });
  };
  protocol.deserializeResponse = async (operation, context, response) => {
    const output = (response as { [ANSWERED]?: Dict })[ANSWERED];
    if (output === undefined) return deserializeResponse.call(protocol, operation, context, response);
    const [name, member] = payloadMember(NormalizedSchema.of(operation.output)) ?? [];
    const { body } = response as { body: unknown };
    const stream = name !== undefined && member?.isStreaming() ? { [name]: sdkStreamMixin(body) } : {};
    return { ...output, ...stream, $metadata: protocol.deserializeMetadata(response) };
  };
}

const nameOf = ({ name }: OperationSchema): string => name.split("#")[1] ?? name;

/** What checksums are made of; undefined for a stream, which goes another way. */
function bodyOf(
  { input: schema }: OperationSchema,
  input: Dict | undefined,
): string | Uint8Array | undefined {
  const normalized = NormalizedSchema.of(schema);
  if (!normalized.isStructSchema()) return "";
  const [name, member] = payloadMember(normalized) ?? [];
  if (name === undefined || !member?.isStreaming()) return "";
  const body = input?.[name] ?? "";
  return typeof body === "string" || body instanceof Uint8Array ? body : undefined;
}

/** By which AWS knows a call that is repeated. */
function withToken({ input: schema }: OperationSchema, input: Dict | undefined): Dict {
  const normalized = NormalizedSchema.of(schema);
  if (!normalized.isStructSchema()) return {};
  const missing = [...membersOf(normalized)].filter(
    ([name, member]) => member.isIdempotencyToken() && (input?.[name] ?? undefined) === undefined,
  );
  return { ...input, ...Object.fromEntries(missing.map(([name]) => [name, crypto.randomUUID()])) };
}
