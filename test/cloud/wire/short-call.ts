/** How a call goes the short way: see short-way.ts. */
import { randomUUID } from "node:crypto";
import { NoOpLogger } from "@smithy/core/client";
import type { HttpRequest } from "@smithy/core/protocols";
import { isThrottlingError, isTransientError } from "@smithy/core/retry";
import type { Come, Offer } from "./exchange.ts";
import {
  bodyOf,
  type Endpoint,
  handedRequest,
  type OperationSchema,
  outputOf,
  signedBy,
  withToken,
} from "./handed.ts";
import { handler, including, inOrder } from "./middlewares.ts";
import type {
  Args,
  Command,
  Config,
  Context,
  Handle,
  Middleware,
  Middlewares,
  Options,
  Result,
  SdkClient,
} from "./sdk-client.ts";

/** Of the SDK's middlewares those that change nothing of a call that is handed over and answered as it asked. */
const IDLE = new Set<string | undefined>([
  ...["regionRedirectMiddleware", "regionRedirectEndpointMiddleware", "bucketEndpointMiddleware"],
  ...["httpAuthSchemeMiddleware", "endpointV2Middleware", "s3ExpressMiddleware", "httpSigningMiddleware"],
  ...["contentLengthMiddleware", "addExpectContinueMiddleware", "getCheckContentLengthHeaderPlugin"],
  ...["getUserAgentMiddleware", "hostHeaderMiddleware", "recursionDetectionMiddleware", "retryMiddleware"],
  ...["throw200ExceptionsMiddleware", "flexibleChecksumsResponseMiddleware"],
]);

/** One call under way. */
interface ShortCall {
  at: Endpoint;
  config: Config;
  operation: OperationSchema;
  signal: AbortSignal | undefined;
  offer: Offer;
  /** What takes an answer that is not for the short way. */
  refuse: (come: Come) => void;
  /** The one that came the short way. */
  answer?: Come;
  /** The rest of the SDK's way, on which `come` is the first answer. */
  goOn: (come: Come, context: Context) => Handle;
}

const CALL = Symbol("call");
const callOf = (context: Context): ShortCall => (context as Context & { [CALL]: ShortCall })[CALL];

/** In place of what writes requests: here the way parts. */
const part: Middleware = (next, context) => async (args) => {
  const call = callOf(context);
  const { config, operation } = call;
  const input = withToken(operation, args.input);
  const by = signedBy(await config.credentials(), await config.region());
  const body = bodyOf(operation, input) ?? "";
  const request = handedRequest(call.at, operation, { input, body, by });
  request.headers["amz-sdk-invocation-id"] = randomUUID();
  const goOn = async (come: Come) => {
    try {
      return await call.goOn(come, context)({ ...args, input });
    } finally {
      come.drop();
    }
  };
  const tries = { attempts: 1, totalRetryDelay: 0 };
  try {
    const came = await new Promise<{ result: Result } | Come>((resolve, reject) => {
      call.refuse = resolve;
      next({ ...args, input, request }).then((result) => resolve({ result }), reject);
    });
    if (!("result" in came)) return goOn(came);
    const { output } = came.result;
    if (output !== undefined) Object.assign(output.$metadata, tries);
    successes.set(config, (successes.get(config) ?? 0) + 1);
    return came.result;
  } catch (thrown) {
    if (call.answer === undefined) throw thrown;
    const error = thrown as Parameters<typeof isTransientError>[0];
    if (isThrottlingError(error) || isTransientError(error)) return goOn(call.answer);
    Object.assign(error, { $metadata: { ...error.$metadata, ...tries } });
    throw error;
  }
};

/** Before what reads answers, which has only errors to read. */
const readOutput =
  (read: Middleware): Middleware =>
  (next, context) => {
    const { config, operation } = callOf(context);
    return async (args) => {
      const result = await next(args);
      const { response } = result;
      const output = outputOf(config.protocol as NonNullable<Config["protocol"]>, operation, response);
      return output === undefined ? read(async () => result, context)(args) : { response, output };
    };
  };

const bottom =
  (call: ShortCall): Handle =>
  async ({ request }) => {
    const { at, signal, offer } = call;
    const come = await offer(`${at.hostname}:${at.port}`, request as HttpRequest, signal);
    if (come.isUsual) {
      call.answer = come;
      return { response: come.conclude(request as HttpRequest) };
    }
    call.refuse(come);
    return new Promise(() => {});
  };

/** Those that no retry strategy has heard of: each gives back a little of what repetitions take. */
const successes = new WeakMap<Config, number>();

export function tellOfSuccesses(config: Config): void {
  const { retryStrategy } = config;
  config.retryStrategy = async () => {
    const strategy = await retryStrategy();
    for (let left = successes.get(config) ?? 0; left > 0; left--)
      strategy.recordSuccess?.({ getRetryCost: () => undefined });
    successes.delete(config);
    return strategy;
  };
}

/** What is the same for each call of a kind by a client. */
export interface Kind {
  context: Context;
  short: Middlewares;
  readonly whole: Middlewares;
}

export function kindOf({ config, middlewareStack }: SdkClient, command: Command): Kind {
  const one = new command.constructor(command.input);
  let context: Context = { __smithy_context: {} };
  const told = {
    concat: () => ({
      resolve: (_: Handle, its: Context) => {
        context = its;
      },
    }),
  };
  one.resolveMiddleware(told, config, undefined);
  const ordered = (isWanted: (name: string | undefined) => boolean) =>
    inOrder(middlewareStack, one.middlewareStack, isWanted);
  const isQuiet = config.logger instanceof NoOpLogger;
  const short = ordered((name) => !IDLE.has(name) && !(isQuiet && name === "loggerMiddleware"));
  let whole: Middlewares | undefined;
  return {
    context,
    short: short.map((entry) => {
      if (entry.name === "serializerMiddleware") return { ...entry, middleware: part };
      if (entry.name !== "deserializerMiddleware") return entry;
      return { ...entry, middleware: readOutput(entry.middleware) };
    }),
    get whole() {
      whole ??= ordered(() => true);
      return whole;
    },
  };
}

/** Where the ways part, those of the first step have run. */
const hasYetToRun = ({ step }: { step: string }): boolean => step !== "initialize";

/** Sends it the short way. */
export async function sendShort(
  kind: Kind,
  command: Command,
  options: Options,
  about: Pick<ShortCall, "at" | "config" | "operation" | "offer">,
): Promise<Result["output"]> {
  const signal = options.abortSignal;
  const own = (entries: Middlewares) => including(entries, command.middlewareStack);
  const goOn = (come: Come, context: Context): Handle => {
    let first: Come | undefined = come;
    const handle = async ({ request }: Args): Promise<Result> => {
      if (first === undefined) return about.config.requestHandler.handle(request as HttpRequest, options);
      const { conclude } = first;
      first = undefined;
      return { response: conclude(request as HttpRequest) };
    };
    return handler(own(kind.whole).filter(hasYetToRun), handle, context);
  };
  const call: ShortCall = { ...about, signal, refuse: () => {}, goOn };
  const context = {
    ...kind.context,
    __smithy_context: {
      ...kind.context.__smithy_context,
      commandInstance: command,
      ...(signal !== undefined && { abortSignal: signal }),
    },
    [CALL]: call,
  };
  return (await handler(own(kind.short), bottom(call), context)(command as unknown as Args)).output;
}
