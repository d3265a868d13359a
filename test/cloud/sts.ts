import * as client from "@aws-sdk/client-sts";
import { sessionArn } from "./iam/authorize.ts";
import { parsePolicy } from "./iam/document.ts";
import type { Role } from "./iam/entities.ts";
import { evaluate } from "./iam/evaluate.ts";
import { ADMIN, type Iam } from "./iam/iam.ts";
import { contextOf } from "./iam/match.ts";
import { check } from "./iam/requests/check.ts";
import type { Session } from "./iam/sessions.ts";
import { type KeySource, verifyIdentityToken } from "./sts/identity-token.ts";
import { AwsError, type Call, ContractError, type WireServer } from "./wire/server.ts";

/**
 * STS: who am I, and sessions of roles.
 * Not modelled: session tags, source identity, role chaining's one hour, MFA, SAML (all ContractError when asked).
 */
export class Sts {
  readonly #iam: Iam;

  /** `keys`: where an issuer's signing keys are; by default asked of the issuer itself, on loopback only. */
  constructor(wire: WireServer, iam: Iam, keys: KeySource = {}) {
    this.#iam = iam;
    wire
      .use(client, "sts")
      .on("sts", "GetCallerIdentity", (_: client.GetCallerIdentityCommandInput, call) => this.#identity(call))
      .on("sts", "AssumeRole", (input: client.AssumeRoleCommandInput, call) => this.#assume(input, call))
      .on("sts", "AssumeRoleWithWebIdentity", (input: client.AssumeRoleWithWebIdentityCommandInput) =>
        this.#assumeWithToken(input, keys),
      );
  }

  #identity(call: Call): client.GetCallerIdentityResponse {
    const { account } = this.#iam;
    const session = this.#iam.sessionOf(call);
    if (session === undefined) {
      return {
        Account: account,
        Arn: `arn:aws:iam::${account}:user/${ADMIN.userName}`,
        UserId: "AIDATESTTESTTESTTESTT",
      };
    }
    return {
      Account: account,
      Arn: sessionArn(account, session),
      UserId: `${session.roleId}:${session.sessionName}`,
    };
  }

  /**
   * In one account the trust policy is enough when it names the caller; naming the account only lets the caller's
   * own policies decide (IAM user guide, "Cross-account and same-account AssumeRole").
   */
  #assume(input: client.AssumeRoleCommandInput, call: Call): client.AssumeRoleResponse {
    if (input.Tags !== undefined || input.SourceIdentity !== undefined || input.SerialNumber !== undefined) {
      throw new ContractError("AssumeRole with tags, source identity or MFA is not modelled");
    }
    const { account, entities } = this.#iam;
    const session = this.#iam.sessionOf(call);
    const caller = session === undefined ? undefined : this.#iam.roleOf(session, "sts");
    const role = [...entities.roles.values()].find((r) => r.arn === input.RoleArn);
    const user =
      session === undefined ? `arn:aws:iam::${account}:user/${ADMIN.userName}` : sessionArn(account, session);
    const denied = new AwsError(
      "AccessDenied",
      `User: ${user} is not authorized to perform: sts:AssumeRole on resource: ${input.RoleArn ?? ""}`,
      403,
    );
    if (role === undefined || role.service !== undefined) throw denied;
    const context = { "sts:RoleSessionName": input.RoleSessionName, "sts:ExternalId": input.ExternalId };
    const trusts = (names: readonly string[]) =>
      evaluate(
        [role.trust.policy],
        { action: "sts:AssumeRole", resource: role.arn, context: contextOf(context) },
        { AWS: names },
      );
    const direct = trusts(caller === undefined ? [user] : [user, caller.arn]);
    const byAccount = trusts([account, `arn:aws:iam::${account}:root`]);
    const own =
      session === undefined ||
      caller === undefined ||
      this.#iam.authorizer.decide(check("sts:AssumeRole", role.arn, context), session, caller, call) ===
        undefined;
    if (direct === "deny" || byAccount === "deny") throw denied;
    if (direct !== "allow" && !(byAccount === "allow" && own)) throw denied;
    return this.#answer(role, input);
  }

  async #assumeWithToken(
    input: client.AssumeRoleWithWebIdentityCommandInput,
    keys: KeySource,
  ): Promise<client.AssumeRoleWithWebIdentityResponse> {
    const { entities, clock } = this.#iam;
    const token = await verifyIdentityToken(
      input.WebIdentityToken ?? "",
      entities.providers,
      keys,
      clock.now(),
    );
    const role = [...entities.roles.values()].find((r) => r.arn === input.RoleArn);
    const verdict =
      role === undefined
        ? "none"
        : evaluate(
            [role.trust.policy],
            {
              action: "sts:AssumeRoleWithWebIdentity",
              resource: role.arn,
              context: contextOf({
                ...token.context,
                "sts:RoleSessionName": input.RoleSessionName,
                "aws:PrincipalType": "Federated",
              }),
            },
            { Federated: [token.provider.arn] },
          );
    if (role === undefined || verdict !== "allow") {
      throw new AwsError("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403);
    }
    return {
      ...this.#answer(role, input),
      SubjectFromWebIdentityToken: token.subject,
      Audience: token.audience,
      Provider: token.provider.arn,
    };
  }

  #answer(
    role: Role,
    input: {
      RoleSessionName: string | undefined;
      DurationSeconds?: number | undefined;
      Policy?: string | undefined;
      PolicyArns?: client.PolicyDescriptorType[] | undefined;
    },
  ): client.AssumeRoleResponse {
    if (input.PolicyArns !== undefined) throw new ContractError("managed session policies are not modelled");
    const session = this.#iam.sessions.issue({
      roleId: role.id,
      roleName: role.name,
      sessionName: assertSessionName(input.RoleSessionName),
      seconds: assertDuration(input.DurationSeconds, role.maxSession),
      policy: input.Policy === undefined ? undefined : parsePolicy(input.Policy, "identity"),
    });
    return {
      Credentials: credentialsOf(session),
      AssumedRoleUser: {
        Arn: sessionArn(this.#iam.account, session),
        AssumedRoleId: `${role.id}:${session.sessionName}`,
      },
    };
  }
}

const credentialsOf = (session: Session): client.Credentials => ({
  AccessKeyId: session.accessKeyId,
  SecretAccessKey: session.secretAccessKey,
  SessionToken: session.token,
  Expiration: new Date(session.expires),
});

const invalid = (message: string): AwsError => new AwsError("ValidationError", message, 400);

function assertSessionName(name: string | undefined): string {
  if (name === undefined || !/^[\w+=,.@-]{2,64}$/.test(name)) {
    throw invalid(
      `1 validation error detected: Value '${name ?? ""}' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*`,
    );
  }
  return name;
}

function assertDuration(seconds: number | undefined, most: number): number {
  if (seconds === undefined) return 3600;
  if (seconds < 900) {
    throw invalid(
      `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900`,
    );
  }
  if (seconds > most) {
    throw invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  return seconds;
}
