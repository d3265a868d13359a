import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { assertSecret, authenticate } from "./authenticate.ts";
import { carried, shaped } from "./carried.ts";
import { ConnectionLost, type Disturbance, Disturbances, Page } from "./disturb.ts";
import { writeError } from "./error-reply.ts";
import { AwsError, ContractError } from "./errors.ts";
import type { Handed } from "./handed.ts";
import { plainRequest, receive, type SentRequest, send } from "./http.ts";
import { reachInProcess, type ShapedReply } from "./in-process.ts";
import type { RawRequest } from "./raw-request.ts";
import { Reply, type WireReply, writeReply } from "./reply.ts";
import { parseRequest } from "./request.ts";
import { withHeaders } from "./rest.ts";
import type { Dict } from "./schema.ts";
import { loadService, type Operation, type Service } from "./service.ts";
import { type Claim, claimOf } from "./signature.ts";
import { assertShape } from "./strict.ts";

export { type Disturbance, internalError, slowDown, throttled } from "./disturb.ts";
export { AwsError, ContractError } from "./errors.ts";
export { Reply } from "./reply.ts";

const PAGE = "<html><body><h1>Service Unavailable</h1></body></html>";

export interface Call {
  /** The signing name, e.g. "route53". */
  service: string;
  operation: string;
  input: Dict;
  /** Undefined for the calls AWS takes unsigned, e.g. AssumeRoleWithWebIdentity. */
  accessKeyId: string | undefined;
  sessionToken: string | undefined;
  region: string | undefined;
  requestId: string;
  req: Sender;
}

/** Of a request over HTTP, and of one that was handed over within the process. */
export interface Sender extends Pick<IncomingMessage, "method" | "headers"> {
  socket: { readonly remoteAddress?: string | undefined };
}

/** Takes the SDK's input of the operation, returns (a promise of) its output or a `Reply`; undefined is an empty output. */
export type Handler<I = never> = (input: I, call: Call) => unknown;

export interface WireOptions {
  /** When given, signatures are verified; undefined means that the key does not exist. */
  secretOf?: (accessKeyId: string) => string | undefined;
  /** Milliseconds since the epoch: for the Date header and the age of signatures. */
  now?: () => number;
  /** Is `now` simulated? Then callers sign by another clock, and the age of a signature tells nothing. */
  simulated?: boolean;
  /**
   * Whether the SDK's clients in this process need no socket; see in-process.ts. "bytes": what they send is written and
   * read as over the wire, as all do where EVERSPOT_WIRE=bytes.
   */
  inProcess?: boolean | "bytes";
}

/**
 * One HTTP server that speaks the wire protocols of AWS (ec2Query, awsQuery, restXml, restJson1, awsJson) from the
 * schemas the SDK's clients carry. It knows no service: handlers take and return the SDK's own shapes.
 */
export class WireServer {
  /** `http://127.0.0.1:<port>` once started. */
  endpoint = "";
  /** Every call that reached `before`, oldest first. Large bodies are dropped once the call is done. */
  readonly calls: Call[] = [];
  /** What should never happen: see ContractError; and whatever else a handler threw. Empty after a good test. */
  readonly faults: Error[] = [];
  readonly #services = new Map<string, Service>();
  readonly #handlers = new Map<string, Handler>();
  readonly #hooks: ((call: Call) => void | Promise<void>)[] = [];
  readonly #disturbances = new Disturbances();
  readonly #options: WireOptions;
  #server: Server | undefined;
  #unreach = () => {};
  #requests = 0;

  constructor(options: WireOptions = {}) {
    this.#options = options;
  }

  /** `clientModule`: `import * as ec2 from "@aws-sdk/client-ec2"`. */
  use(clientModule: object, signingName: string): this {
    this.#services.set(signingName, loadService(clientModule, signingName));
    return this;
  }

  /** The later handler of an operation wins. @throws ContractError when the service has no such operation. */
  on<I>(signingName: string, operation: string, handler: Handler<I>): this {
    if (!this.#services.get(signingName)?.operations.has(operation)) {
      throw new ContractError(`${signingName} has no operation ${operation}`);
    }
    this.#handlers.set(`${signingName}.${operation}`, handler as Handler);
    return this;
  }

  /** Runs after parsing and before the handler, in the order given; may throw AwsError. */
  before(hook: (call: Call) => void | Promise<void>): this {
    this.#hooks.push(hook);
    return this;
  }

  /** Disturbs the nth call of an operation, counted from now (1: the next). */
  disturb(signingName: string, operation: string, disturbance: Disturbance, nth = 1): this {
    if (!this.#services.get(signingName)?.operations.has(operation)) {
      throw new ContractError(`${signingName} has no operation ${operation}`);
    }
    this.#disturbances.add(`${signingName}.${operation}`, nth, disturbance);
    return this;
  }

  /** From here on every call of a service is taken and never answered, until it is to `speak`. */
  silence(signingName: string): this {
    if (!this.#services.has(signingName)) throw new ContractError(`no service signs as "${signingName}"`);
    this.#disturbances.silence(signingName);
    return this;
  }

  /** Undefined: all services do. */
  speak(signingName?: string): this {
    this.#disturbances.speak(signingName);
    return this;
  }

  async start(at: { host?: string; port?: number } = {}): Promise<this> {
    const host = at.host ?? "127.0.0.1";
    const server = createServer({ requestTimeout: 0 }, (req, res) => void this.#serve(req, res));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(at.port ?? 0, host, resolve);
    });
    const { port } = server.address() as AddressInfo;
    this.endpoint = `http://${host}:${port}`;
    if (this.#options.inProcess !== undefined && this.#options.inProcess !== false)
      this.#unreach = this.#reach(host, port);
    return this;
  }

  /** Cuts open connections. Idempotent. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    this.#unreach();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  #reach(host: string, port: number): () => void {
    const socket = { remoteAddress: host };
    return reachInProcess(host, port, {
      shapes: this.#options.inProcess !== "bytes" && process.env.EVERSPOT_WIRE !== "bytes",
      takes: () => !this.#disturbances.expected,
      serve: (sent, gone) => {
        const { method, headers } = sent;
        return this.#reply(async (how) => this.#answer(sent, { method, headers, socket }, how, gone));
      },
      take: (handed, headers, gone) =>
        this.#reply((how) => this.#answerHanded(handed, headers, socket, how, gone)),
    });
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const gone = () => new Promise((resolve) => req.socket.once("close", resolve));
    try {
      const reply = await this.#reply(async (how) => this.#answer(await receive(req), req, how, gone));
      await send(req, res, reply);
    } catch {
      req.socket.destroy();
    }
  }

  /** @throws ConnectionLost instead of an answer. */
  async #reply<R extends ShapedReply>(answer: (how: How) => Promise<R>): Promise<R | WireReply> {
    const requestId = `req-${String(++this.#requests).padStart(8, "0")}`;
    const where: How = { requestId };
    let reply: R | WireReply;
    try {
      reply = await answer(where);
    } catch (error) {
      if (error instanceof ConnectionLost) throw error;
      if (!(error instanceof AwsError) && !(error instanceof Page))
        this.faults.push(error instanceof Error ? error : new Error(String(error)));
      const answered =
        error instanceof AwsError
          ? error
          : new AwsError("LocalAwsFault", `${String(error)} (local AWS)`, 418);
      reply =
        error instanceof Page
          ? { status: error.status, headers: { "content-type": "text/html" }, body: PAGE }
          : writeError(where.service, answered, requestId);
      if (where.isHead) reply = { ...reply, body: "" };
    }
    const headers = {
      date: new Date(this.#now()).toUTCString(),
      // An answer out of a cache: no SDK sets its clock by it. It would by any other, and try a refused call again.
      ...(this.#options.simulated ? { age: "0" } : {}),
      "x-amzn-requestid": requestId,
      "x-amz-request-id": requestId,
      ...reply.headers,
    };
    return { ...reply, headers };
  }

  async #answer(sent: SentRequest, req: Sender, how: How, gone: () => Promise<unknown>): Promise<WireReply> {
    const claim = claimOf(sent);
    const service = this.#serviceOf(claim, sent.headers, sent.body);
    how.service = service;
    await this.#disturbances.heard(service.signingName, gone);
    if (claim !== undefined && this.#options.secretOf !== undefined) {
      authenticate(
        service,
        sent,
        claim,
        this.#options.secretOf,
        this.#options.simulated ? undefined : this.#now(),
      );
    }
    const { operation, input } = await parseRequest(service, plainRequest(sent));
    const { output, status, headers } = await this.#perform(service, operation, input, {
      by: claim,
      req,
      how,
    });
    const reply = writeReply(service, operation, output as Dict, how.requestId);
    return { ...reply, status: status ?? reply.status, headers: { ...reply.headers, ...headers } };
  }

  async #answerHanded(
    { namespace, operation: name, input, by }: Handed,
    headers: Readonly<Record<string, string>>,
    socket: Sender["socket"],
    how: How,
    gone: () => Promise<unknown>,
  ): Promise<ShapedReply> {
    const service = [...this.#services.values()].find((s) => s.defaultNamespace === namespace);
    const operation = service?.operations.get(name);
    if (service === undefined || operation === undefined)
      throw new ContractError(`no service has ${namespace}#${name}`);
    how.service = service;
    how.isHead = operation.method === "HEAD";
    if (by === undefined && service.protocol.startsWith("rest")) throw unsigned();
    await this.#disturbances.heard(service.signingName, gone);
    if (by !== undefined && this.#options.secretOf !== undefined)
      assertSecret(service, by, this.#options.secretOf);
    const { method } = operation;
    const sent = withHeaders(service, operation, input, headers);
    const arrived = (carried(operation.input, sent, service.protocol, "input") ?? {}) as Dict;
    const req = { method, headers, socket };
    const made = await this.#perform(service, operation, arrived, { by, req, how });
    return { status: operation.status, ...shaped(service, operation, made) };
  }

  /** The call itself, in whichever way it came. */
  async #perform(
    service: Service,
    operation: Operation,
    input: Dict,
    { by, req, how }: { by: By | undefined; req: Sender; how: How },
  ): Promise<Reply> {
    const name = `${service.signingName}.${operation.name}`;
    assertShape(operation.input, input, `${name} input`, "input");
    const call: Call = {
      service: service.signingName,
      operation: operation.name,
      input,
      accessKeyId: by?.accessKeyId,
      sessionToken: by?.sessionToken,
      region: by?.region,
      requestId: how.requestId,
      req,
    };
    try {
      return await this.#disturbances.around(name, () => this.#handle(operation, call));
    } finally {
      forgetLargeBody(call.input);
    }
  }

  async #handle(operation: Operation, call: Call): Promise<Reply> {
    this.calls.push(call);
    for (const hook of this.#hooks) await hook(call);
    const name = `${call.service}.${call.operation}`;
    const handler = this.#handlers.get(name);
    if (handler === undefined) throw new ContractError(`no handler for ${name}`);
    const result = (await handler(call.input as never, call)) ?? {};
    const reply = result instanceof Reply ? result : new Reply(result);
    assertShape(operation.output, reply.output, `${name} output`, "output");
    return reply;
  }

  /** Unsigned calls (the OIDC way in) tell by their target, or by Action and Version. */
  #serviceOf(claim: Claim | undefined, headers: RawRequest["headers"], body: Buffer): Service {
    if (claim !== undefined) {
      const service = this.#services.get(claim.signingName);
      if (service === undefined) throw new ContractError(`no service signs as "${claim.signingName}"`);
      return service;
    }
    const target = headers["x-amz-target"]?.split(".")[0];
    const form = new URLSearchParams(body.length < 65_536 ? body.toString("utf8") : "");
    const found = [...this.#services.values()].find(
      (s) =>
        (target !== undefined && s.targetPrefix === target) ||
        (s.version !== "" && form.get("Version") === s.version && s.operations.has(form.get("Action") ?? "")),
    );
    if (found === undefined) throw unsigned();
    return found;
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }
}

const unsigned = (): AwsError =>
  new AwsError("AccessDenied", "Access Denied (the request is not signed)", 403);

/** What is known of a call while it is answered. */
interface How {
  requestId: string;
  service?: Service;
  /** The answer has no body, not even of an error. */
  isHead?: boolean;
}

type By = Pick<Claim, "accessKeyId" | "sessionToken"> & { region: string | undefined };

/** `calls` must not keep every upload alive. */
function forgetLargeBody(input: Dict): void {
  for (const [name, value] of Object.entries(input)) {
    if (value instanceof Uint8Array && value.byteLength > 65_536) delete input[name];
  }
}
