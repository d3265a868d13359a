/** A call in the SDK's own shapes, in place of a request's bytes, and its answer. */
import { HttpRequest } from "@smithy/core/protocols";
import { NormalizedSchema } from "@smithy/core/schema";
import { withHelpers } from "./body-stream.ts";
import { type Dict, membersOf, payloadMember, type SchemaRef } from "./schema.ts";

export interface Identity {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** What signs a call. */
export interface Signed extends Identity {
  sessionToken: string | undefined;
  region: string | undefined;
}

export const signedBy = (identity: Identity, region: string | undefined): Signed => ({
  accessKeyId: identity.accessKeyId,
  secretAccessKey: identity.secretAccessKey,
  sessionToken: identity.sessionToken || undefined,
  region,
});

/** A call as the client has it. */
export interface Handed {
  /** Of the service's schemas, e.g. "com.amazonaws.ec2". */
  namespace: string;
  operation: string;
  input: Dict;
  /** Undefined for a call that is not signed. */
  by: Signed | undefined;
}

export interface OperationSchema {
  namespace: string;
  name: string;
  input: SchemaRef;
  output: SchemaRef;
}

export interface Endpoint {
  protocol: string;
  hostname: string;
  port?: number | undefined;
}

const HANDED = Symbol("handed over");
const ANSWERED = Symbol("answered");

/** What a request carries in place of bytes, if it does. */
export const handedIn = (request: object): Handed | undefined => (request as { [HANDED]?: Handed })[HANDED];

export function handedRequest(
  { protocol, hostname, port }: Endpoint,
  operation: OperationSchema,
  call: { input: Dict; body: string | Uint8Array; by: Signed | undefined },
): HttpRequest {
  const request = new HttpRequest({
    ...{ protocol, hostname, path: "/", method: "POST", headers: {}, query: {}, body: call.body },
    ...(port !== undefined && { port }),
  });
  const { namespace } = operation;
  const handed: Handed = { namespace, operation: nameOf(operation), input: call.input, by: call.by };
  return Object.assign(request, { [HANDED]: handed });
}

/** Marks a response of which the output is known. */
export const answerWith = <T extends object>(response: T, output: Dict): T =>
  Object.assign(response, { [ANSWERED]: output });

/** Of a response that was so marked; undefined for any other. */
export function outputOf(
  protocol: { deserializeMetadata(response: object): Dict },
  operation: OperationSchema,
  response: object,
): (Dict & { $metadata: Dict }) | undefined {
  const output = (response as { [ANSWERED]?: Dict })[ANSWERED];
  if (output === undefined) return undefined;
  const name = streamOf(operation.output);
  const stream = name === undefined ? {} : { [name]: withHelpers((response as { body: unknown }).body) };
  return { ...output, ...stream, $metadata: protocol.deserializeMetadata(response) };
}

const nameOf = ({ name }: OperationSchema): string => name.split("#")[1] ?? name;

/** What checksums are made of; undefined for a stream, which goes another way. */
export function bodyOf({ input: schema }: OperationSchema, input: Dict | undefined) {
  const name = streamOf(schema);
  if (name === undefined) return "";
  const body = input?.[name] ?? "";
  return typeof body === "string" || body instanceof Uint8Array ? body : undefined;
}

/** By which AWS knows a call that is repeated. */
export function withToken({ input: schema }: OperationSchema, input: Dict | undefined): Dict {
  const filled: Dict = { ...input };
  for (const name of tokensOf(schema)) filled[name] ??= crypto.randomUUID();
  return filled;
}

/** The member that is the whole body, if that is a stream or may be one. */
const streamOf = known((schema) => {
  const [name, member] = (schema.isStructSchema() && payloadMember(schema)) || [];
  return member?.isStreaming() ? name : undefined;
});

const tokensOf = known((schema) =>
  schema.isStructSchema()
    ? [...membersOf(schema)].flatMap(([name, member]) => (member.isIdempotencyToken() ? [name] : []))
    : [],
);

/** Once for each schema as the SDK keeps it. */
function known<T>(make: (schema: NormalizedSchema) => T): (schema: SchemaRef) => T {
  const made = new Map<SchemaRef, T>();
  return (schema) => {
    if (!made.has(schema)) made.set(schema, make(NormalizedSchema.of(schema)));
    return made.get(schema) as T;
  };
}
