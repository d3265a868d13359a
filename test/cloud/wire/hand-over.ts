/**
 * A call of the SDK to a server of this very process, in the SDK's own shapes: everything of the client is as ever (its
 * middlewares, credentials, repetitions), but nothing is written as XML or a form, signed, and read again. What goes
 * another way over the wire than it was given does so here, too: see carried.ts, and sweep.test.ts for every operation.
 */
import { AwsSdkSigV4Signer } from "@aws-sdk/core/httpAuthSchemes";
import { Client } from "@smithy/core/client";
import type { HttpRequest } from "@smithy/core/protocols";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Offer } from "./exchange.ts";
import {
  bodyOf,
  type Endpoint,
  handedIn,
  handedRequest,
  type Identity,
  type OperationSchema,
  outputOf,
  signedBy,
  withToken,
} from "./handed.ts";
import type { Dict } from "./schema.ts";
import type { SdkClient } from "./sdk-client.ts";
import { shortWay } from "./short-way.ts";

interface Context {
  endpoint(): Promise<Endpoint | undefined>;
  requestHandler: unknown;
}
/** The part of the SDK's protocols that stands between shapes and bytes. */
interface Protocol {
  serializeRequest(operation: OperationSchema, input: Dict, context: Context): Promise<HttpRequest>;
  deserializeResponse(operation: OperationSchema, context: object, response: object): Promise<Dict>;
  deserializeMetadata(response: object): Dict;
}

/** @param takes whether the server at this host and port takes calls so. */
export function handOver(takes: (at: string) => boolean, offer: Offer): void {
  const adopted = new WeakSet<object>();
  const { send } = Client.prototype as unknown as { send(this: unknown, ...args: unknown[]): unknown };
  const shorten = shortWay(takes, offer, isSigned);
  (Client.prototype as unknown as { send: typeof send }).send = function (this: SdkClient, ...args) {
    const { protocol } = this.config as { protocol?: object } as { protocol?: Protocol };
    if (protocol !== undefined && !adopted.has(protocol)) {
      adopted.add(protocol);
      adopt(protocol, takes);
    }
    return shorten(this, args, () => send.apply(this, args));
  };
  const { sign } = AwsSdkSigV4Signer.prototype;
  AwsSdkSigV4Signer.prototype.sign = async function (request, identity, properties) {
    const handed = handedIn(request);
    if (handed === undefined) return sign.call(this, request, identity, properties);
    const own = await (properties as { config?: { region?: () => Promise<string> } }).config?.region?.();
    const region = (properties as { signingRegion?: string }).signingRegion ?? own;
    handed.by = signedBy(identity as unknown as Identity, region);
    if (region === own) signed.add(`${handed.namespace}#${handed.operation}`);
    return request;
  };
}

/** The operations that were signed, for the client's own region. */
const signed = new Set<string>();
const isSigned = ({ namespace, name }: OperationSchema): boolean => signed.has(`${namespace}#${name}`);

function adopt(protocol: Protocol, takes: (at: string) => boolean): void {
  const { serializeRequest, deserializeResponse } = protocol;
  protocol.serializeRequest = async (operation, input, context) => {
    const endpoint = await context.endpoint();
    const at = `${endpoint?.hostname}:${endpoint?.port}`;
    const body = bodyOf(operation, input);
    if (
      endpoint === undefined ||
      body === undefined ||
      !(context.requestHandler instanceof NodeHttpHandler) ||
      !takes(at)
    )
      return serializeRequest.call(protocol, operation, input, context);
    return handedRequest(endpoint, operation, { input: withToken(operation, input), body, by: undefined });
  };
  protocol.deserializeResponse = async (operation, context, response) =>
    outputOf(protocol, operation, response) ??
    deserializeResponse.call(protocol, operation, context, response);
}
