/**
 * A call that is handed over needs little of what the SDK does for one on a wire. What is only for that is left out: where
 * to send it, signing, checking an answer's bytes, trying again. Every other middleware runs, those of the project above
 * all. What the SDK may try again, or set its clock by, goes on through the whole of it from where it came back, with that
 * very answer, so that repetitions and what is told of them are the SDK's own; other errors it reads as ever.
 */
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { Offer } from "./exchange.ts";
import { bodyOf, type Endpoint, type OperationSchema } from "./handed.ts";
import { type Command, endpointOf, type Options, type SdkClient } from "./sdk-client.ts";
import { type Kind, kindOf, sendShort, tellOfSuccesses } from "./short-call.ts";

interface Known {
  at?: Endpoint | undefined;
  kinds: Map<unknown, Kind>;
}

function watched(client: SdkClient): Known {
  const known: Known = { kinds: new Map() };
  tellOfSuccesses(client.config);
  // Who gives it another middleware later has that run, too.
  const stack = client.middlewareStack as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ["add", "addRelativeTo", "use", "remove", "removeByTag"]) {
    const change = stack[name] as (...args: unknown[]) => unknown;
    stack[name] = (...args) => {
      known.kinds.clear();
      return change(...args);
    };
  }
  return known;
}

/**
 * @param takes whether the server at this host and port takes calls so.
 * @param isUsual whether an operation is signed, and for the client's own region.
 * @returns what sends a call the short way, or else by `whole`.
 */
export function shortWay(
  takes: (at: string) => boolean,
  offer: Offer,
  isUsual: (operation: OperationSchema) => boolean,
) {
  const clients = new WeakMap<SdkClient, Known>();
  /** They have the SDK's own middlewares from then on. */
  const sentWhole = new WeakSet<Command>();
  return (client: SdkClient, args: readonly unknown[], whole: () => unknown): unknown => {
    const [command, options = {}, callback] = args as [Command, (Options | (() => void))?, unknown?];
    const { config } = client;
    const operation = operationOf(command);
    const asEver = () => {
      sentWhole.add(command);
      return whole();
    };
    if (
      operation === undefined ||
      !isUsual(operation) ||
      bodyOf(operation, command.input) === undefined ||
      typeof options === "function" ||
      callback !== undefined ||
      sentWhole.has(command) ||
      config.followRegionRedirects ||
      !(config.requestHandler instanceof NodeHttpHandler)
    )
      return asEver();
    const known = clients.get(client) ?? watched(client);
    clients.set(client, known);
    const go = (at: Endpoint | undefined) => {
      if (at === undefined || !takes(`${at.hostname}:${at.port}`)) return asEver();
      const kind = known.kinds.get(command.constructor) ?? kindOf(client, command);
      known.kinds.set(command.constructor, kind);
      return sendShort(kind, command, options, { at, config, operation, offer });
    };
    if ("at" in known) return go(known.at);
    const found = endpointOf(client).then((at) => {
      known.at = at;
      return at;
    });
    return found.then(go, asEver);
  };
}

function operationOf({ schema }: Command): OperationSchema | undefined {
  if (schema?.[0] !== 9) return undefined;
  const [, namespace, name, , input, output] = schema;
  return { namespace, name, input, output };
}
