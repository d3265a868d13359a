/**
 * A request of the SDK to a server of this very process is handed over as it would go over the wire, byte for byte, and
 * its answer comes back so; what is left out is the two sockets. What has to do with those still has them: a body that
 * is a stream, a disturbance, a client that is not the SDK.
 */
import diagnostics from "node:diagnostics_channel";
import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { buildQueryString, type HttpRequest, HttpResponse } from "@smithy/core/protocols";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { ConnectionLost } from "./disturb.ts";
import type { SentRequest } from "./http.ts";
import { rememberValueSchemas } from "./quick-schema.ts";
import { readXmlQuickly } from "./quick-xml.ts";
import { repeatAtOnce } from "./repeat-at-once.ts";
import type { WireReply } from "./reply.ts";

export interface InProcess {
  /** Whether a request that comes now needs no socket. */
  takes(): boolean;
  /**
   * @param gone resolves when no one waits for the answer any more.
   * @throws ConnectionLost where a socket would be closed without an answer.
   */
  serve(sent: SentRequest, gone: () => Promise<unknown>): Promise<WireReply>;
}

interface Reached {
  server: InProcess;
  /** Ends each request that is under way, as cutting its connection does. */
  open: Set<() => void>;
}

const servers = new Map<string, Reached>();

/** What a watcher of requests is told: of ours the same as Node tells of its own. */
export const sentChannel = diagnostics.channel("everspot.wire.request.start");
export const answeredChannel = diagnostics.channel("everspot.wire.request.end");

export interface Exchange {
  request: HttpRequest;
  /** Of the answer; undefined while there is none. */
  status?: number;
}

/** From now on what this process's clients send there is handed over. @returns what ends that, and what is under way. */
export function reachInProcess(host: string, port: number, server: InProcess): () => void {
  patch();
  const reached: Reached = { server, open: new Set() };
  servers.set(`${host}:${port}`, reached);
  return () => {
    servers.delete(`${host}:${port}`);
    for (const cut of reached.open) cut();
  };
}

type Handle = NodeHttpHandler["handle"];
let overHttp: Handle | undefined;

function patch(): void {
  if (overHttp !== undefined) return;
  repeatAtOnce();
  readXmlQuickly();
  rememberValueSchemas();
  const original: Handle = NodeHttpHandler.prototype.handle;
  overHttp = original;
  NodeHttpHandler.prototype.handle = async function (this: NodeHttpHandler, request, options = {}) {
    const reached = servers.get(`${request.hostname}:${request.port}`);
    const body = bytesOf(request.body);
    if (reached === undefined || body === undefined || request.headers.expect || !reached.server.takes())
      return original.call(this, request, options);
    return {
      response: await handOver(reached, request, body, options.abortSignal as AbortSignal | undefined),
    };
  };
}

/** A copy, as the wire makes one. */
function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === "string") return Buffer.from(body);
  return body instanceof Uint8Array ? Buffer.from(body) : undefined;
}

async function handOver(
  { server, open }: Reached,
  request: HttpRequest,
  body: Buffer,
  signal: AbortSignal | undefined,
): Promise<HttpResponse> {
  if (signal?.aborted) throw aborted(signal);
  const exchange: Exchange = { request };
  let end = () => {};
  const cut = new Promise<never>((_, reject) => {
    const lost = () => reject(connectionReset());
    const abort = () => reject(aborted(signal));
    open.add(lost);
    signal?.addEventListener("abort", abort);
    end = () => {
      open.delete(lost);
      signal?.removeEventListener("abort", abort);
    };
  });
  const answer = async () => {
    // It arrives, and is answered, in turns of the event loop of their own.
    await turn();
    const reply = await server.serve(sentBy(request, body), () => cut.catch(() => {}));
    await turn();
    return reply;
  };
  sentChannel.publish(exchange);
  try {
    const reply = await Promise.race([answer(), cut]);
    exchange.status = reply.status;
    return received(request, reply);
  } catch (error) {
    throw error instanceof ConnectionLost ? connectionReset() : error;
  } finally {
    end();
    answeredChannel.publish(exchange);
  }
}

function sentBy({ method, path, query, headers }: HttpRequest, body: Buffer): SentRequest {
  const asked = buildQueryString(query);
  const sent: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) sent[name.toLowerCase()] = value;
  // Node adds it to what usually has a body.
  if (/^(PUT|POST)$/.test(method)) sent["content-length"] ??= String(body.length);
  return { method, target: asked === "" ? path : `${path}?${asked}`, headers: sent, body };
}

function received(
  { method, headers: sent }: HttpRequest,
  { status, headers, body }: WireReply,
): HttpResponse {
  const got: Record<string, string> = {};
  if (!(body instanceof Readable) && status !== 304) got["content-length"] = String(Buffer.byteLength(body));
  for (const [name, value] of Object.entries(headers)) got[name.toLowerCase()] = value;
  const read = isFromS3(sent.authorization) ? streamOf : bytes;
  return new HttpResponse({
    statusCode: status,
    headers: got,
    body: body instanceof Readable ? body : read(method === "HEAD" ? "" : body),
  });
}

/** Of the services S3 alone has clients that want a stream; to the others' whole bytes are what they make of one. */
const isFromS3 = (authorization: string | undefined): boolean =>
  authorization === undefined || authorization.includes("/s3/aws4_request");

const bytes = (body: Uint8Array | string): Buffer => Buffer.from(body as string);

function streamOf(body: Uint8Array | string): Readable {
  const whole = bytes(body);
  return new Readable({
    read() {
      if (whole.length > 0) this.push(whole);
      this.push(null);
    },
  });
}

const connectionReset = (): Error => Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });

/** As the SDK's own handler has it. */
const aborted = (signal: AbortSignal | undefined): Error =>
  Object.assign(new Error("Request aborted", { cause: signal?.reason }), { name: "AbortError" });
