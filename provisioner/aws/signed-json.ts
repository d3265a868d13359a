/** Signed JSON requests to AWS services for which this release of the SDK has no client, or only a large one. */
import { createHash, createHmac, randomUUID } from "node:crypto";
import type { STSClient } from "@aws-sdk/client-sts";
import { collectBody, HttpRequest, type HttpResponse } from "@smithy/core/protocols";
import { streamCollector } from "@smithy/node-http-handler";
import { SignatureV4 } from "@smithy/signature-v4";
import { type Clock, systemClock } from "../../agent/site/clock.ts";

export interface SignedJsonOptions {
  /** Its name in host names and in signatures, e.g. "fis". */
  service: string;
  region: string;
  credentials: ConstructorParameters<typeof SignatureV4>[0]["credentials"];
  /** AWS_ENDPOINT_URL_<ID> and AWS_ENDPOINT_URL count, as with the SDK. */
  env: NodeJS.ProcessEnv;
  /** The service's name in such variables, where it is not the same. */
  id?: string;
  /** Where the service is, if not at its own name in the region. */
  host?: string;
  /** Sends them, as the SDK's clients do theirs. It stays its maker's to destroy. */
  requestHandler: Pick<STSClient["config"]["requestHandler"], "handle">;
  /** For the time between two tries. */
  clock?: Pick<Clock, "sleep">;
}

/** @throws Error with the service's error code as its name. A body gets a `clientToken`, the same for every try. */
export type SignedJson = (method: "GET" | "POST" | "DELETE", path: string, body?: object) => Promise<unknown>;

const TRIES = 3;

/** The protocol restJson1. */
export function signedJson(options: SignedJsonOptions): SignedJson {
  const send = sender(options);
  return (method, path, body) => {
    if (body === undefined) return send(method, path, {}, undefined);
    const text = JSON.stringify({ clientToken: randomUUID(), ...body });
    return send(method, path, { "content-type": "application/json" }, text);
  };
}

/** @throws Error with the service's error code as its name. */
export type SignedRpc = (operation: string, input: object) => Promise<unknown>;

/** The protocols awsJson1_0 and awsJson1_1. @param target what its operations are called by. */
export function signedRpc(
  options: SignedJsonOptions & { target: string; version: "1.0" | "1.1" },
): SignedRpc {
  const { target, version } = options;
  const send = sender(options);
  return (operation, input) => {
    const headers = {
      "content-type": `application/x-amz-json-${version}`,
      "x-amz-target": `${target}.${operation}`,
    };
    return send("POST", "/", headers, JSON.stringify(input));
  };
}

type Send = (
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | undefined,
) => Promise<unknown>;

function sender(options: SignedJsonOptions): Send {
  const { service, region, credentials, env, id = service, host, requestHandler } = options;
  const { clock = systemClock } = options;
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
  const suffix = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const given = env[`AWS_ENDPOINT_URL_${id.toUpperCase()}`] || env.AWS_ENDPOINT_URL;
  const endpoint = new URL(given || `https://${host ?? `${service}.${region}.${suffix}`}`);

  return async (method, path, more, text) => {
    const { pathname, searchParams } = new URL(path, endpoint);
    for (let attempt = 1; ; attempt++) {
      const request = new HttpRequest({
        ...{ method, protocol: endpoint.protocol, hostname: endpoint.hostname },
        ...(endpoint.port !== "" && { port: Number(endpoint.port) }),
        ...{ path: pathname, query: Object.fromEntries(searchParams) },
        ...{ headers: { host: endpoint.host, ...more }, body: text },
      });
      const signed = await signer.sign(request);
      try {
        const { response } = await requestHandler.handle(HttpRequest.clone(signed as HttpRequest));
        return await resultOf(response);
      } catch (error) {
        if (attempt >= TRIES || !mayPass(error)) throw error;
        await clock.sleep(200 * 2 ** attempt);
      }
    }
  };
}

/** Has `$metadata` like the SDK's errors, so that it is explained in the same way. */
class Refused extends Error {
  readonly $metadata: { httpStatusCode: number };

  constructor(code: string, message: string, httpStatusCode: number) {
    super(message);
    this.name = code;
    this.$metadata = { httpStatusCode };
  }
}

async function resultOf({ statusCode, headers, body }: HttpResponse): Promise<unknown> {
  const text = (await collectBody(body, { streamCollector })).transformToString();
  const json: unknown = text === "" ? {} : jsonOf(text);
  if (statusCode >= 200 && statusCode < 300) return json;
  const { __type, code, message, Message } = (json ?? {}) as Record<string, string | undefined>;
  const type = headers["x-amzn-errortype"] ?? __type ?? code ?? `HTTP ${statusCode}`;
  // "namespace#Code:url" in full.
  const name = type.split(":")[0]?.split("#").at(-1) ?? type;
  throw new Refused(name, message ?? Message ?? name, statusCode);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const mayPass = (error: unknown): boolean =>
  !(error instanceof Refused) || error.$metadata.httpStatusCode >= 500 || /Throttl/.test(error.name);

type Secret = string | ArrayBuffer | ArrayBufferView;

class Sha256 {
  readonly #secret: Secret | undefined;
  #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: Secret) {
    this.#secret = secret;
    this.#hash = this.#begin();
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  reset(): void {
    this.#hash = this.#begin();
  }

  #begin(): ReturnType<typeof createHash> | ReturnType<typeof createHmac> {
    const secret = this.#secret;
    if (secret === undefined) return createHash("sha256");
    return createHmac(
      "sha256",
      secret instanceof ArrayBuffer ? new Uint8Array(secret) : (secret as string | Uint8Array),
    );
  }
}
