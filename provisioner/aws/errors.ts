import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { NoCredentials } from "./credentials.ts";

/** A call that cannot be repeated got no answer: someone must check whether it took effect. */
export class ReplyLost extends EverspotError {
  constructor(command: string, error: unknown) {
    super(`AWS did not answer ${command} (${messageOf(error)}), so it may or may not have taken effect`, {
      retry: "retry",
      hint: "run the command again; it checks what is already done and goes on from there",
    });
  }
}

/** AWS took a change and does not show it yet: the same again in a moment. */
export class NotYet extends EverspotError {
  constructor(message: string, more: { resource?: string; hint?: string } = {}) {
    super(message, { ...more, retry: "retry" });
  }
}

/** Whether AWS answered with one of these error codes; the SDK names some with and without "Exception". */
export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && codes.some((code) => error.name === code || error.name === `${code}Exception`);

/** Whether AWS refused it to whoever asks, also where `named` has put that into words. */
export const isDenied = (error: unknown): boolean =>
  [error, (error as Error).cause].some((e) => hasCode(e, "AccessDenied", "UnauthorizedOperation"));

/** For the `catch` of a call: undefined when AWS answered with one of these error codes, which are no failure there. */
export const ignoring =
  (...codes: readonly string[]) =>
  (error: unknown): undefined => {
    if (!hasCode(error, ...codes)) throw error;
  };

/**
 * Runs a call and turns any failure into one sentence for a person: what was being done, what AWS said, and what
 * to do where that is known. EverspotErrors pass as they are.
 */
export async function named<T>(doing: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof EverspotError) throw error;
    throw explain(doing, error);
  }
}

export function explain(doing: string, error: unknown): EverspotError {
  if (error instanceof NoCredentials) {
    const { hint, lines } = error;
    return new EverspotError(`${doing}: ${error.message}`, { hint, lines, cause: error });
  }
  const code = error instanceof Error ? error.name : "";
  // An answer that is not AWS's XML, from something before it, comes as an error of the SDK's reading.
  const silent = isServerError(error) && /^Unknown$|Deserialization error/m.test(messageOf(error));
  const said = silent ? "AWS did not say why it failed" : messageOf(error).trim();
  const known = advice.find((a) => a.code.test(code) || a.message?.test(said));
  const more = [
    ...(code === "" || silent || said.includes(code) || code === "Error" ? [] : [code]),
    ...(isServerError(error) ? [`HTTP ${statusOf(error)}`] : []),
  ].join(", ");
  const what = known?.instead ?? `${said}${more === "" ? "" : ` (${more})`}`;
  const hint = quotaHint(code) ?? known?.hint;
  return new EverspotError(`${doing}: ${what}`, {
    retry: known?.retry ?? (isServerError(error) ? "retry" : "fatal"),
    cause: error,
    hint,
  });
}

const statusOf = (error: unknown): number =>
  (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode ?? 0;

/** Whether AWS itself failed, in its own words or in those of something before it. */
export const isServerError = (error: unknown): boolean => statusOf(error) >= 500;

/**
 * Whether AWS has decided against a change, so that it did not happen: neither a failure of its own, nor too many
 * requests, nor a wrong moment.
 */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof EverspotError) || statusOf(error.cause) < 400) return false;
  return error.retry === "fatal";
}

/**
 * Whether a read failed by what passes: AWS does not know yet what was just made, has too much to do, failed itself or
 * could not be reached.
 */
export const isPassing = (error: unknown): error is EverspotError =>
  error instanceof EverspotError &&
  (error.retry === "retry" || (error.cause instanceof Error && /\.NotFound$/.test(error.cause.name)));

/**
 * What helps when AWS launches nothing because of a quota, which no other instance type gets round; undefined when it
 * was something else. @param said an error's code, or its words as a fleet's history has them.
 * Codes: EC2 API Reference, "Error codes"; quotas: Service Quotas, by their codes there.
 */
export function quotaHint(said: string): string | undefined {
  const quota = QUOTAS.find((q) => q.met.test(said));
  if (quota === undefined) return undefined;
  return `the account's quota ${quota.code}, "${quota.name}", is used up (a new account may run 5 vCPUs, and an instance that ended counts until its spot request is closed): ask for more under Service Quotas → Amazon EC2 in the AWS console, or with \`aws service-quotas request-service-quota-increase --service-code ec2 --quota-code ${quota.code} --desired-value 16\`; other instance types count against the same quota`;
}

const QUOTAS = [
  {
    met: /MaxSpotInstanceCountExceeded|spotInstanceCountLimitExceeded|Max spot instance count exceeded/i,
    code: "L-34B43A08",
    name: "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
  },
  {
    met: /VcpuLimitExceeded|vCPU limit|InstanceLimitExceeded/i,
    code: "L-1216C47A",
    name: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
  },
] as const;

/** What helps in an account with AWS's free plan. Types: EC2 user guide, "Track your Free Tier usage for Amazon EC2". */
export function freeTypesHint(arch?: string): string {
  const types = { x86_64: "t3.micro and t3.small", arm64: "t4g.micro and t4g.small" };
  const small = arch === "x86_64" || arch === "arm64" ? types[arch] : `${types.x86_64}, or ${types.arm64}`;
  return `list types that are eligible for the free tier in [fleet] types (of the small ones ${small}), or upgrade the account to the paid plan (AWS console → Billing and Cost Management → Free Tier)`;
}

/** The same for what a fleet's history says. @returns undefined when it was something else. */
export const freeTierHint = (said: string): string | undefined =>
  /not eligible for Free Tier/i.test(said) ? freeTypesHint() : undefined;

/** An explicit deny that no permission of the caller outweighs (IAM user guide, "Troubleshoot access denied"). */
export const FORBIDDEN = /explicit deny in an? (service control|resource control) policy/i;
export const FORBIDDEN_HINT =
  "it is not a permission of yours that is missing: a policy of the organization that the account belongs to forbids it; ask who runs the organization, or use another region or account";

const advice: {
  code: RegExp;
  message?: RegExp;
  instead?: string;
  hint?: string;
  retry: "retry" | "fatal";
}[] = [
  {
    code: /^(ExpiredToken|ExpiredTokenException|RequestExpired|TokenRefreshRequired)$/,
    message: /security token included in the request is expired/,
    instead: "the AWS credentials have expired",
    hint: "log in again, for example with `aws sso login`",
    retry: "fatal",
  },
  {
    code: /^(InvalidClientTokenId|UnrecognizedClientException|AuthFailure|InvalidAccessKeyId|SignatureDoesNotMatch)$/,
    instead: "AWS does not accept the credentials",
    hint: "check AWS_PROFILE or AWS_ACCESS_KEY_ID, and that this computer's clock is right",
    retry: "fatal",
  },
  { code: /(?!)/, message: FORBIDDEN, hint: FORBIDDEN_HINT, retry: "fatal" },
  {
    code: /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|Forbidden|403)$/,
    hint: "the credentials in use are not allowed to do this; use others, or have their permissions extended: `everspot permissions` prints all that is needed",
    retry: "fatal",
  },
  {
    code: /Throttl|RequestLimitExceeded|SlowDown|TooManyRequests/,
    hint: "wait a minute and try again",
    retry: "retry",
  },
  {
    code: /^(ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|TimeoutError|NetworkingError)$/,
    message: /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|socket hang up/,
    hint: "AWS could not be reached: check the network connection and AWS_ENDPOINT_URL",
    retry: "retry",
  },
  {
    code: /LimitExceeded$|^(Max)?.*LimitExceeded/,
    hint: "ask for a higher quota in the AWS console (Service Quotas)",
    retry: "fatal",
  },
];
