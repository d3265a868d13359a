import type * as sdk from "@aws-sdk/client-ec2";
import { type AwsError as Aws, AwsError } from "../wire/errors.ts";
import type { WireServer } from "../wire/server.ts";
import { watch } from "./watched.ts";

type Sdk = typeof sdk;
/** Every operation the SDK's EC2 client knows, e.g. "CreateVpc". */
export type Operation = { [K in keyof Sdk]: K extends `${infer N}Command` ? N : never }[keyof Sdk];
type Command<N extends Operation> = `${N}Command` extends keyof Sdk
  ? Sdk[`${N}Command`] extends abstract new (
      ...a: never[]
    ) => infer C
    ? C
    : never
  : never;
export type Input<N extends Operation> = Command<N> extends { input: infer I } ? I : never;
export type Output<N extends Operation> =
  Command<N> extends { resolveMiddleware(...a: never[]): (...a: never[]) => Promise<{ output: infer O }> }
    ? Omit<O, "$metadata">
    : never;
/** Handlers of some operations, with the SDK's own shapes. */
export type Handlers = { [N in Operation]?: (input: Input<N>) => Output<N> | Promise<Output<N>> };

type AnyHandler = (input: unknown) => unknown;
interface Common {
  DryRun?: boolean;
  ClientToken?: string;
}

/** Puts handlers on the wire and adds what all EC2 operations share: dry runs and client tokens. */
export function register(server: WireServer, handlers: Handlers): void {
  for (const [operation, handler] of Object.entries(handlers)) {
    const idempotent = onceForToken(complete(operation, handler as AnyHandler));
    server.on("ec2", operation, (input: unknown) => {
      const common = input as Common;
      if (common.DryRun) throw dryRun();
      return idempotent(input);
    });
  }
}

/** Members that change nothing here: what they would bring out does not exist, or they are dealt with above. */
const harmless = [
  "DryRun",
  "ClientToken",
  "IncludeDeprecated",
  "IncludeDisabled",
  "AllAvailabilityZones",
  "Latest",
];

/** A handler that fails when the input has a member it did not look at. */
const complete =
  (operation: string, handler: AnyHandler): AnyHandler =>
  async (input) => {
    const watched = watch(`ec2.${operation}`, input as object, harmless);
    const output = await handler(watched.object);
    watched.check();
    return output;
  };

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonParameters.html: permissions hold, nothing done. */
const dryRun = (): Aws =>
  new AwsError("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412);

/**
 * The same token and parameters get the same answer again; other parameters are refused. Failures are forgotten.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
 */
function onceForToken(handler: AnyHandler): AnyHandler {
  const answers = new Map<string, { parameters: string; answer: Promise<unknown> }>();
  return async (input) => {
    const token = (input as Common).ClientToken;
    if (token === undefined || token === "") return handler(input);
    const parameters = JSON.stringify(input);
    const known = answers.get(token);
    if (known !== undefined && known.parameters !== parameters) {
      throw new AwsError(
        "IdempotentParameterMismatch",
        "The client token you have provided is associated with a resource that has already been created. Provide a different client token or the same parameters.",
      );
    }
    if (known !== undefined) return known.answer;
    const answer = Promise.resolve().then(() => handler(input));
    answers.set(token, { parameters, answer });
    answer.catch(() => answers.delete(token));
    return answer;
  };
}
