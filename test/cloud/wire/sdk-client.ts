/** The parts of the SDK's clients and commands that a call is made of, typed. */
import type { HttpRequest } from "@smithy/core/protocols";
import type { Endpoint, Identity } from "./handed.ts";
import type { Entry, Stack as MiddlewareStack } from "./middlewares.ts";
import type { Dict, SchemaRef } from "./schema.ts";

export interface Args {
  input: Dict;
  request?: HttpRequest;
}
export type Result = { response: object; output?: Dict & { $metadata: Dict } };
export type Handle = (args: Args) => Promise<Result>;
export type Middleware = (next: Handle, context: Context) => Handle;
export type Stack = MiddlewareStack<Handle, Context>;
export type Middlewares = readonly Entry<Handle, Context>[];
export interface Context {
  __smithy_context: object;
}
export interface Config {
  protocol?: { deserializeMetadata(response: object): Dict };
  requestHandler: { handle(request: object, options: object): Promise<Result> };
  credentials(): Promise<Identity>;
  region(): Promise<string>;
  isCustomEndpoint?: boolean;
  endpoint?: () => Promise<Endpoint>;
  serviceConfiguredEndpoint?: () => Promise<string | undefined>;
  ignoreConfiguredEndpointUrls?: boolean;
  followRegionRedirects?: boolean;
  retryStrategy(): Promise<{ recordSuccess?(token: object): void }>;
  logger: unknown;
}
export interface SdkClient {
  config: Config;
  middlewareStack: Stack;
}
export interface Command {
  constructor: new (input: Dict) => Command;
  input: Dict;
  schema?: readonly [9, string, string, unknown, SchemaRef, SchemaRef];
  middlewareStack: Stack;
  resolveMiddleware(stack: object, config: Config, options: undefined): unknown;
}
export interface Options {
  abortSignal?: AbortSignal;
}

/** Where the client's calls go; undefined for one that needs the SDK's rules to know. */
export async function endpointOf({ config }: SdkClient): Promise<Endpoint | undefined> {
  if (config.isCustomEndpoint) return config.endpoint?.();
  if (config.ignoreConfiguredEndpointUrls) return undefined;
  const url = await config.serviceConfiguredEndpoint?.();
  if (url === undefined) return undefined;
  const { protocol, hostname, port } = new URL(url);
  return { protocol, hostname, port: port === "" ? undefined : Number(port) };
}
