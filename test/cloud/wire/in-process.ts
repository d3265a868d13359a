/**
 * A request of the SDK to a server of this very process needs no sockets. It is handed over in the SDK's own shapes (see
 * hand-over.ts), or as it would go over the wire, byte for byte, and its answer comes back so. What has to do with
 * sockets still has them: a body that is a stream, a disturbance, a client that is not the SDK.
 */
import { Readable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { buildQueryString, type HttpRequest, HttpResponse } from "@smithy/core/protocols";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { streamOf } from "./body-stream.ts";
import { ConnectionLost } from "./disturb.ts";
import { type Come, come, type Exchange, type Offer, sentChannel } from "./exchange.ts";
import { handOver as handOverShapes } from "./hand-over.ts";
import { answerWith, type Handed, handedIn } from "./handed.ts";
import type { SentRequest } from "./http.ts";
import { rememberValueSchemas } from "./quick-schema.ts";
import { readXmlQuickly } from "./quick-xml.ts";
import { repeatAtOnce } from "./repeat-at-once.ts";
import type { WireReply } from "./reply.ts";
import type { Dict } from "./schema.ts";

/** An answer with its output as it is read from the wire, and a body where that is a stream; or one in bytes. */
export interface ShapedReply extends Omit<WireReply, "body"> {
  body: WireReply["body"] | undefined;
  output?: Dict;
}

export interface InProcess {
  /** Whether it takes shapes in place of bytes. */
  shapes: boolean;
  /** Whether a request that comes now needs no socket. */
  takes(): boolean;
  /**
   * @param gone resolves when no one waits for the answer any more.
   * @throws ConnectionLost where a socket would be closed without an answer.
   */
  serve(sent: SentRequest, gone: () => Promise<unknown>): Promise<WireReply>;
  /** The same of a call in the SDK's shapes, with the headers that the client's middlewares gave it. */
  take(handed: Handed, headers: Record<string, string>, gone: () => Promise<unknown>): Promise<ShapedReply>;
}

interface Reached {
  server: InProcess;
  /** Ends each request that is under way, as cutting its connection does. */
  open: Set<() => void>;
}

const servers = new Map<string, Reached>();

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
  handOverShapes((at) => {
    const server = servers.get(at)?.server;
    return server?.shapes === true && server.takes();
  }, offer);
  const original: Handle = NodeHttpHandler.prototype.handle;
  overHttp = original;
  NodeHttpHandler.prototype.handle = async function (this: NodeHttpHandler, request, options = {}) {
    const reached = servers.get(`${request.hostname}:${request.port}`);
    const signal = options.abortSignal as AbortSignal | undefined;
    const handed = handedIn(request);
    if (handed !== undefined) {
      const come = await offer(`${request.hostname}:${request.port}`, request, signal);
      return { response: come.conclude(request) };
    }
    const body = bytesOf(request.body);
    if (reached === undefined || body === undefined || request.headers.expect || !reached.server.takes())
      return original.call(this, request, options);
    const serve = (gone: () => Promise<unknown>) => reached.server.serve(sentBy(request, body), gone);
    return { response: (await converse(reached, request, serve, signal)).conclude(request) };
  };
}

/** A call in the SDK's shapes to the server there. */
const offer: Offer = async (at, request, signal) => {
  const reached = servers.get(at);
  const handed = handedIn(request);
  if (reached === undefined || handed === undefined) return instead(connectionRefused(request));
  const take = (gone: () => Promise<unknown>) =>
    reached.server.take(handed, lowerCased(request.headers), gone);
  return converse(reached, request, take, signal);
};

/** A copy, as the wire makes one. */
function bytesOf(body: unknown): Buffer | undefined {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === "string") return Buffer.from(body);
  return body instanceof Uint8Array ? Buffer.from(body) : undefined;
}

/** It is under way until its answer was given to whom it is for. */
async function converse(
  { open }: Reached,
  request: HttpRequest,
  serve: (gone: () => Promise<unknown>) => Promise<ShapedReply>,
  signal: AbortSignal | undefined,
): Promise<Come> {
  if (signal?.aborted) return instead(aborted(signal));
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
    const reply = await serve(() => cut.catch(() => {}));
    await turn();
    return reply;
  };
  sentChannel.publish(exchange);
  try {
    return answered(await Promise.race([answer(), cut]), exchange);
  } catch (error) {
    return instead(error instanceof ConnectionLost ? connectionReset() : error, exchange);
  } finally {
    end();
  }
}

function answered(reply: ShapedReply, exchange: Exchange): Come {
  exchange.status = reply.status;
  const { output } = reply;
  return come(exchange, isUsual(reply), (request) => {
    const response = received(request, reply);
    return output === undefined ? response : answerWith(response, output);
  });
}

const isUsual = ({ status, headers: { age, date = "" } }: ShapedReply): boolean =>
  status < 500 && (age !== undefined || Math.abs(Date.parse(date) - Date.now()) < CLOCKS_ALIKE);

/** Milliseconds between clocks of which the SDK thinks nothing. */
const CLOCKS_ALIKE = 60_000;

/** An error in place of an answer. */
const instead = (error: unknown, exchange?: Exchange): Come =>
  come(exchange, false, () => {
    throw error;
  });

const lowerCased = (headers: HttpRequest["headers"]): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

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
  { status, headers, body }: ShapedReply,
): HttpResponse {
  const got: Record<string, string> = {};
  if (body !== undefined && !(body instanceof Readable) && status !== 304)
    got["content-length"] = String(Buffer.byteLength(body));
  for (const [name, value] of Object.entries(headers)) got[name.toLowerCase()] = value;
  const read = (whole: Uint8Array | string) =>
    isFromS3(sent.authorization) ? streamOf(bytes(whole)) : bytes(whole);
  return new HttpResponse({
    statusCode: status,
    headers: got,
    body:
      body instanceof Readable ? body : body === undefined ? SOMETHING : read(method === "HEAD" ? "" : body),
  });
}

/** In place of a body that is known already: S3's client takes none for an answer that was cut off. */
const SOMETHING = new TextEncoder().encode(" ");

/** Of the services S3 alone has clients that want a stream; to the others' whole bytes are what they make of one. */
const isFromS3 = (authorization: string | undefined): boolean =>
  authorization === undefined || authorization.includes("/s3/aws4_request");

const bytes = (body: Uint8Array | string): Buffer => Buffer.from(body as string);

const connectionRefused = ({ hostname, port }: HttpRequest): Error =>
  Object.assign(new Error(`connect ECONNREFUSED ${hostname}:${port}`), { code: "ECONNREFUSED" });

const connectionReset = (): Error => Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });

/** As the SDK's own handler has it. */
const aborted = (signal: AbortSignal | undefined): Error =>
  Object.assign(new Error("Request aborted", { cause: signal?.reason }), { name: "AbortError" });
