import type { STSClient } from "@aws-sdk/client-sts";

/** Why there are no credentials, and what to do about it. Not an EverspotError: who called says what for. */
export class NoCredentials extends Error {
  override readonly name = "NoCredentials";
  readonly hint: string;
  /** What the program that was to give them said. */
  readonly lines: readonly string[];

  constructor(message: string, hint: string, more: { cause: unknown; lines?: readonly string[] }) {
    super(message, { cause: more.cause });
    this.hint = hint;
    this.lines = more.lines ?? [];
  }
}

type Provider = STSClient["config"]["credentials"];

/**
 * The SDK tries one source after the other and throws the last one's error, whatever kept the source that was meant
 * from giving any; that one's it tells its logger alone, as a ProviderError's debug line (smithy, ProviderError).
 */
export class ProviderReasons {
  #reasons: string[] = [];

  readonly logger = {
    debug: (text: unknown) => {
      const reason = /^@smithy\/property-provider (?:->|\(!\)) (.*)/s.exec(String(text))?.[1];
      if (reason !== undefined) this.#reasons.push(reason);
    },
    info: () => {},
    warn: () => {},
    error: () => {},
  };

  /** The same credentials; without them, NoCredentials in place of the SDK's error where the reason is known. */
  of(provider: Provider): Provider {
    return async (options) => {
      this.#reasons = [];
      try {
        return await provider(options);
      } catch (error) {
        throw whyNone(error, this.#reasons, process.env.AWS_PROFILE) ?? error;
      }
    };
  }
}

/**
 * @param reasons what the sources said that were tried before.
 * @param profile the one that was asked for.
 */
export function whyNone(
  error: unknown,
  reasons: readonly string[],
  profile: string | undefined,
): NoCredentials | undefined {
  if (!(error instanceof Error) || !/^(Credentials|Token)?ProviderError$/.test(error.name)) return undefined;
  const last = error.message;
  const all = [...reasons, last];
  const asked = profile === undefined || profile === "" ? "" : ` --profile ${profile}`;
  const what = asked === "" ? "the default AWS profile" : `the AWS profile ${profile}`;
  const none = (message: string, hint: string, lines: readonly string[] = []) =>
    new NoCredentials(message, hint, { cause: error, lines });

  if (/ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|socket hang up/.test(last)) return undefined;
  if (/sso login|Session token not found or invalid/.test(last)) {
    return none(
      `the SSO session of ${what} has expired, or was not begun on this computer (${sentence(last)})`,
      `log in with \`aws sso login${asked}\``,
    );
  }
  if (/aws login|Failed to load token from|Token validation failed|session has expired/.test(last)) {
    return none(
      `the session of ${what} has expired, or was not begun on this computer (${sentence(last)})`,
      `log in with \`aws login${asked}\``,
    );
  }
  const command = all.find((r) => /^Command failed: |credential_process (returned|did not return)/.test(r));
  if (command !== undefined) {
    // The first line is the command, which may hold a secret.
    const failed = command.startsWith("Command failed: ");
    return none(
      `the credential_process of ${what} ${failed ? "failed" : "did not give any credentials"}`,
      "run that command by itself (it is in ~/.aws/config) and fix it; it must print the credentials as JSON",
      failed ? command.trim().split("\n").slice(1) : [sentence(command)],
    );
  }
  if (/requires multi-factor authentication/.test(last)) {
    return none(
      `${what} wants the code of a second factor`,
      `let the AWS CLI ask for it: \`eval "$(aws configure export-credentials${asked} --format env)"\`, then unset AWS_PROFILE`,
    );
  }
  if (asked !== "" && all.includes(`Profile ${profile} could not be found in shared credentials file.`)) {
    return none(
      `there is no AWS profile ${profile}, neither in ~/.aws/config nor in ~/.aws/credentials`,
      "check how AWS_PROFILE is spelt: `aws configure list-profiles` names those there are",
    );
  }
  const unresolved = reasons.find((r) => r.startsWith("Could not resolve credentials using profile"));
  if (asked !== "" && unresolved !== undefined) {
    return none(
      `${what} leads to no credentials (${sentence(unresolved)})`,
      `say in ~/.aws/config where they come from, for example with \`aws configure sso${asked}\``,
    );
  }
  if (/Could not load credentials|Credential is missing/.test(last)) {
    return none(
      "no AWS credentials were found",
      "log in with `aws sso login` or `aws login`, set AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  }
  return none(`${what} gives no credentials (${sentence(last)})`, "fix the profile in ~/.aws/config");
}

const sentence = (text: string): string => text.trim().replace(/\.$/, "");
