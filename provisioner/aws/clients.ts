import { randomUUID } from "node:crypto";
import { ACMClient } from "@aws-sdk/client-acm";
import { CloudWatchLogsClient } from "@aws-sdk/client-cloudwatch-logs";
import { EC2Client } from "@aws-sdk/client-ec2";
import { IAMClient } from "@aws-sdk/client-iam";
import { Route53Client } from "@aws-sdk/client-route-53";
import type { S3Client } from "@aws-sdk/client-s3";
import { SNSClient } from "@aws-sdk/client-sns";
import { SSMClient } from "@aws-sdk/client-ssm";
import { STSClient } from "@aws-sdk/client-sts";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { callLimits } from "../../agent/site/call-limits.ts";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import { createS3Client } from "../../agent/site/s3-client.ts";
import { ProviderReasons } from "./credentials.ts";
import { ReplyLost } from "./errors.ts";
import { type SignedJson, type SignedRpc, signedJson, signedRpc } from "./signed-json.ts";

/** One client per AWS service, all for one region; credentials and endpoints come from the standard AWS settings. */
export interface Clients {
  acm: ACMClient;
  ec2: EC2Client;
  iam: IAMClient;
  logs: CloudWatchLogsClient;
  route53: Route53Client;
  s3: S3Client;
  sns: SNSClient;
  ssm: SSMClient;
  sts: STSClient;
  fis: SignedJson;
  serviceQuotas: SignedRpc;
  freeTier: SignedRpc;
  budgets: SignedRpc;
  /** Calls made so far. A call tried several times counts once. */
  readonly calls: { reads: number; writes: string[] };
  destroy(): void;
}

/** A person's connection may be slow. */
const PATIENT = { ...callLimits, connectionTimeout: 10_000, requestTimeout: 60_000, socketTimeout: 60_000 };

export function createClients(region: string, clock: Clock = systemClock): Clients {
  const own = { region, requestHandler: PATIENT };
  const reasons = new ProviderReasons();
  // One provider for all: a CI job's token is good for a few minutes, and each client by itself would need it again.
  const credentials = reasons.of(new STSClient({ ...own, logger: reasons.logger }).config.credentials);
  // What each call passes through is put in order once for each kind; no one changes it later.
  const config = { ...own, credentials, cacheMiddleware: true };
  const calls: Clients["calls"] = { reads: 0, writes: [] };
  const requestHandler = new NodeHttpHandler(PATIENT);
  const open: { destroy(): void }[] = [requestHandler];
  const signed = { region, credentials, env: process.env, requestHandler, clock };
  const watched =
    <C extends { middlewareStack: unknown; destroy(): void }>(service: string, make: () => C) =>
    (): C => {
      const client = make();
      watch(client, service, calls);
      open.push(client);
      return client;
    };
  // A command uses a few of them, and one that is made reads its settings and puts its middleware in order.
  return lazily<Clients>({
    acm: watched("acm", () => new ACMClient(config)),
    ec2: watched("ec2", () => new EC2Client(config)),
    iam: watched("iam", () => new IAMClient(config)),
    logs: watched("logs", () => new CloudWatchLogsClient(config)),
    route53: watched("route53", () => new Route53Client(config)),
    s3: watched("s3", () => createS3Client({ region, credentials })),
    sns: watched("sns", () => new SNSClient(config)),
    ssm: watched("ssm", () => new SSMClient(config)),
    sts: watched("sts", () => new STSClient(config)),
    fis: () => signedJson({ ...signed, service: "fis" }),
    serviceQuotas: () =>
      signedRpc({
        ...{ ...signed, service: "servicequotas", id: "service_quotas" },
        ...{ target: "ServiceQuotasV20190624", version: "1.1" },
      }),
    // One for the whole partition, in one region (its API Reference, "Service endpoint").
    freeTier: () =>
      signedRpc({
        ...{ ...signed, service: "freetier", region: "us-east-1" },
        ...{ host: "freetier.us-east-1.api.aws", target: "AWSFreeTierService", version: "1.0" },
      }),
    // One for all regions, in one of them (AWS General Reference, "AWS Budgets endpoints").
    budgets: () =>
      signedRpc({
        ...{ ...signed, service: "budgets", region: "us-east-1" },
        ...{ host: "budgets.amazonaws.com", target: "AWSBudgetServiceGateway", version: "1.1" },
      }),
    calls: () => calls,
    destroy: () => () => {
      for (const client of open) client.destroy();
    },
  });
}

/** Each member is made when it is first asked for, and kept. */
export function lazily<T extends object>(makers: { readonly [K in keyof T]: () => T[K] }): T {
  const made = {} as T;
  for (const name of Object.keys(makers) as (keyof T)[]) {
    const shown = { enumerable: true, configurable: true };
    const get = (): T[typeof name] => {
      const value = makers[name]();
      Object.defineProperty(made, name, { ...shown, value });
      return value;
    };
    Object.defineProperty(made, name, { ...shown, get });
  }
  return made;
}

const READS = /^(Describe|Filter|Get|List|Head)/;

/** IAM and S3 refuse a change that comes while they make another one of the same thing; it has not been made. */
const ONE_AT_A_TIME = /^ConcurrentModification|^OperationAborted/;

/** EC2 offers no client token for these calls, so a second try after a lost reply would make a second resource. */
const NEVER_TWICE = new Set(["CreateVpc", "CreateInternetGateway", "CreateSubnet"]);

/**
 * Gives the same request the same client token until it has succeeded: tried again after an answer that was lost, it
 * makes nothing twice; asked for again later, it does.
 */
export class Tokens {
  readonly #open = new Map<string, string>();

  async during<T>(request: object, run: (token: string) => Promise<T>): Promise<T> {
    const key = JSON.stringify(request);
    const token = this.#open.get(key) ?? randomUUID();
    this.#open.set(key, token);
    const answer = await run(token);
    this.#open.delete(key);
    return answer;
  }
}

interface Context {
  commandName?: string;
}
type Next = (args: object) => Promise<object>;
/** The part of every client's middleware stack that is the same for all of them. */
interface Stack {
  add(middleware: (next: Next, context: Context) => Next, options: object): void;
  remove(name: string): boolean;
}

function watch(client: { middlewareStack: unknown }, service: string, calls: Clients["calls"]): void {
  const stack = client.middlewareStack as Stack;
  // It would take every input and output apart for a log that there is none of.
  stack.remove("loggerMiddleware");
  stack.add(
    (next, context) => (args) => {
      const command = (context.commandName ?? "").replace(/Command$/, "");
      if (READS.test(command)) calls.reads += 1;
      else calls.writes.push(`${service}.${command}`);
      return next(args);
    },
    { step: "initialize", name: "everspotCalls" },
  );
  stack.add(
    (next, context) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        const command = (context.commandName ?? "").replace(/Command$/, "");
        if (NEVER_TWICE.has(command) && mayHaveHappened(error)) throw new ReplyLost(command, error);
        if (error instanceof Error && ONE_AT_A_TIME.test(error.name)) {
          // By this the SDK knows what it may try again.
          Object.assign(error, { $retryable: { throttling: false } });
        }
        throw error;
      }
    },
    // Inside the SDK's retries, which do not recognize this error and so let it pass.
    { step: "deserialize", priority: "high", name: "everspotNeverTwice" },
  );
}

/** No answer at all, or a server error that is not a refusal to begin. */
function mayHaveHappened(error: unknown): boolean {
  const { $metadata, name } = error as { $metadata?: { httpStatusCode?: number }; name?: string };
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return true;
  return status >= 500 && !/Throttl|RequestLimitExceeded|SlowDown|Unavailable/.test(name ?? "");
}
