/** The agent's own code for taking over, over the S3 and Route 53 of an exploration. */
import type { Route53Client } from "@aws-sdk/client-route-53";
import { createZone } from "../../../agent/aws/route53.ts";
import { type Claimant, claimSite } from "../../../agent/ownership/claim.ts";
import type { Peer, Peers } from "../../../agent/ports/peers.ts";
import type { Zone } from "../../../agent/ports/zone.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { keys } from "../../../agent/site/names.ts";
import { answer, s3Failure } from "../../../agent/site/s3-failure.ts";
import type { ObjectStore } from "../../../agent/site/store.ts";
import type { Actor, Reply } from "./interleave.ts";
import { BUCKET, type ServiceCall } from "./services.ts";

type Ask = (call: ServiceCall) => Promise<Reply>;

export interface Ports {
  store: ObjectStore;
  zone: Zone;
}

/** The real adapter of Route 53, over a client whose calls are those of the exploration. */
function zoneOver(ask: Ask, zoneId: string): Zone {
  const client = {
    send: async (command: { constructor: { name: string }; input: Record<string, unknown> }) => {
      const operation = command.constructor.name.replace(/Command$/, "");
      return outputOf(await ask({ service: "route53", operation, input: command.input }));
    },
  };
  return { ...createZone(client as unknown as Route53Client, zoneId), settled: async () => true };
}

/**
 * A store over the exploration's S3. A document's nonce is random; outside of the actor it is replaced by its number,
 * so that every run of the actor writes the same.
 */
function storeOver(ask: Ask, actor: string): ObjectStore {
  const nonces: string[] = [];
  const outside = (text: string): string =>
    text.replace(/("nonce": ?)"([^"]*)"/, (_, name, nonce) => `${name}"${actor}-${nonces.push(nonce)}"`);
  const inside = (text: string): string =>
    text.replace(new RegExp(`("nonce": ?)"${actor}-(\\d+)"`), (_, name, n) => `${name}"${nonces[n - 1]}"`);
  const never = (): never => {
    throw new Error("taking over does not need this");
  };
  return {
    url: `s3://${BUCKET}`,
    async get(key) {
      try {
        const found = outputOf(
          await ask({ service: "s3", operation: "GetObject", input: { Bucket: BUCKET, Key: key } }),
        ) as { Body: string; ETag: string };
        return { body: new TextEncoder().encode(inside(found.Body)), etag: found.ETag, date: new Date(0) };
      } catch (error) {
        if (answer(error).name === "NoSuchKey") return undefined;
        throw s3Failure({ verb: "read", bucket: BUCKET, key }, error);
      }
    },
    async put(key, body, condition) {
      // No one believes anything because of the bell.
      if (key === keys.bell) return { etag: "1", date: new Date(0) };
      const wanted =
        condition === undefined
          ? {}
          : "ifMatch" in condition
            ? { IfMatch: condition.ifMatch }
            : { IfNoneMatch: condition.ifNoneMatch };
      const Body = Buffer.from(outside(String(body)));
      const input = { Bucket: BUCKET, Key: key, Body, ...wanted };
      try {
        const { ETag } = outputOf(await ask({ service: "s3", operation: "PutObject", input })) as {
          ETag: string;
        };
        return { etag: ETag, date: new Date(0) };
      } catch (error) {
        throw s3Failure({ verb: "write", bucket: BUCKET, key }, error);
      }
    },
    head: never,
    list: never,
    download: never,
    upload: never,
  };
}

/** As the SDK's clients answer. */
function outputOf(reply: Reply): unknown {
  if ("value" in reply) return reply.value;
  const { name, message, status } = reply.error;
  const error = Object.assign(new Error(message), {
    $metadata: status === undefined ? {} : { httpStatusCode: status },
  });
  error.name = name;
  throw error;
}

/** Repeats, as an agent does, what failed for a reason that can pass. */
export const actor =
  (name: string, zoneId: string, act: (ports: Ports) => Promise<unknown>): Actor<ServiceCall> =>
  async (ask) => {
    const ports = { store: storeOver(ask, name), zone: zoneOver(ask, zoneId) };
    for (;;) {
      try {
        return await act(ports);
      } catch (error) {
        if (!(error instanceof EverspotError) || error.retry !== "retry") throw error;
      }
    }
  };

export const claiming =
  (me: Claimant, domain: string, peers: Peers) =>
  ({ store, zone }: Ports) =>
    claimSite(me, {
      store,
      zone,
      peers,
      clock: { now: () => 0, sleep: async () => {} },
      domain,
      aliases: [],
      ttl: 60,
    });

/** EC2 knows these instances and no others. */
export const peersOf = (instances: readonly string[]): Peers => {
  const of = (instance: string): Peer => ({
    instance,
    state: "running",
    alive: true,
    launched: new Date(0),
    privateAddress: undefined,
    fleet: undefined,
  });
  return {
    all: async () => instances.map(of),
    find: async (instance) => (instances.includes(instance) ? of(instance) : undefined),
  };
};
