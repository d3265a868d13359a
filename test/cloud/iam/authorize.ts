import type { Clock } from "../../../agent/site/clock.ts";
import { type AwsError, type Call, ContractError } from "../wire/server.ts";
import { accessDenied, type Denial } from "./denial.ts";
import { type Policy, parsePolicy } from "./document.ts";
import type { Entities, Role } from "./entities.ts";
import { type Asker, evaluate, type Request } from "./evaluate.ts";
import { type Context, contextOf } from "./match.ts";
import type { Check, World } from "./requests/check.ts";
import { checksOf } from "./requests/index.ts";
import type { Session } from "./sessions.ts";

/** Answers whether a role session may do what a call asks for. */
export class Authorizer {
  readonly #entities: Entities;
  readonly #world: World;
  readonly #clock: Clock;
  /** As they were read last, by their text. */
  readonly #parsed = new Map<string, Policy>();

  constructor(entities: Entities, world: World, clock: Clock) {
    this.#entities = entities;
    this.#world = world;
    this.#clock = clock;
  }

  /** @throws AwsError in the words of the service; ContractError where the model does not know. */
  authorize(call: Call, session: Session, role: Role): void {
    for (const needed of checksOf(call, this.#world)) {
      const denial = this.decide(needed, session, role, call);
      if (denial !== undefined) throw this.#refusal(call, session, needed, denial);
    }
  }

  /**
   * The account's owner may do everything but what a bucket's policy denies to everybody: no one is above that.
   * @throws as `authorize`.
   */
  authorizeOwner(call: Call, user: { arn: string; name: string }): void {
    const { Bucket } = call.input as { Bucket?: string };
    if (call.service !== "s3" || Bucket === undefined) return;
    if (this.#world.bucketPolicy(Bucket) === undefined) return;
    const { account } = this.#world;
    const asker = { AWS: [user.arn, account, `arn:aws:iam::${account}:root`] };
    for (const needed of checksOf(call, this.#world)) {
      const request = requestOf(needed, () => ({
        ...this.#contextOf(needed, call),
        "aws:PrincipalArn": user.arn,
        "aws:PrincipalType": "User",
        "aws:userid": user.name,
        "aws:username": user.name,
      }));
      if (evaluate(this.#bucketPolicies(needed.resource), request, asker) !== "deny") continue;
      throw accessDenied(call, user.arn, needed, { by: "deny", where: "resource" });
    }
  }

  /** Undefined when allowed: explicit deny, then allow by the role or by the bucket, then implicit deny. */
  decide(needed: Check, session: Session, role: Role, call?: Call): Denial | undefined {
    const request = this.#request(needed, session, role, call);
    const asker = this.#asker(session, role);
    const own = evaluate(this.#policiesOf(role), request);
    const narrowed = session.policy === undefined ? "allow" : evaluate([session.policy], request);
    const resource = evaluate(this.#bucketPolicies(needed.resource), request, asker);
    if (own === "deny") return { by: "deny", where: "identity" };
    if (resource === "deny") return { by: "deny", where: "resource" };
    if (narrowed === "deny") return { by: "deny", where: "session" };
    if ((own === "allow" || resource === "allow") && narrowed === "allow") return undefined;
    this.#assertKnown(role, needed);
    return { by: "nobody" };
  }

  /** What the role's own policies say. */
  simulate(role: Role, request: Request): "allowed" | "explicitDeny" | "implicitDeny" {
    const verdict = evaluate(this.#policiesOf(role), request);
    return verdict === "allow" ? "allowed" : verdict === "deny" ? "explicitDeny" : "implicitDeny";
  }

  #request(needed: Check, session: Session, role: Role, call: Call | undefined): Request {
    return requestOf(needed, () => ({
      ...this.#contextOf(needed, call),
      "aws:PrincipalArn": role.arn,
      "aws:PrincipalType": "AssumedRole",
      "aws:userid": `${role.id}:${session.sessionName}`,
      "aws:TokenIssueTime": new Date(session.issued).toISOString(),
      "ec2:SourceInstanceARN":
        session.instanceId === undefined
          ? undefined
          : `arn:aws:ec2:${this.#world.region}:${this.#world.account}:instance/${session.instanceId}`,
      ...Object.fromEntries([...role.tags].map(([key, value]) => [`aws:PrincipalTag/${key}`, value])),
    }));
  }

  /** What does not hang on who asks. */
  #contextOf(needed: Check, call: Call | undefined): Parameters<typeof contextOf>[0] {
    const now = this.#clock.now();
    return {
      "aws:CurrentTime": new Date(now).toISOString(),
      "aws:EpochTime": String(Math.floor(now / 1000)),
      // The server speaks plain HTTP on loopback, in the place of AWS's HTTPS.
      "aws:SecureTransport": "true",
      "aws:SourceIp": call?.req.socket.remoteAddress,
      "aws:UserAgent": call?.req.headers["user-agent"],
      "aws:RequestedRegion": call?.region ?? this.#world.region,
      "aws:PrincipalAccount": this.#world.account,
      "aws:PrincipalIsAWSService": "false",
      "aws:ViaAWSService": "false",
      "aws:ResourceAccount": needed.resource === "*" ? undefined : this.#world.account,
      ...needed.context,
    };
  }

  #asker(session: Session, role: Role): Asker {
    const { account } = this.#world;
    return { AWS: [role.arn, sessionArn(account, session), account, `arn:aws:iam::${account}:root`] };
  }

  #policiesOf(role: Role): Policy[] {
    const attached = [...role.attached].flatMap((arn) => this.#entities.policies.get(arn) ?? []);
    return [...[...role.inline.values()].map((d) => d.policy), ...attached.map((p) => p.document.policy)];
  }

  #bucketPolicies(resource: string): Policy[] {
    const [, bucket] = /^arn:aws:s3:::([^/]+)/.exec(resource) ?? [];
    const text = bucket === undefined ? undefined : this.#world.bucketPolicy(bucket);
    if (text === undefined) return [];
    const policy = this.#parsed.get(text) ?? parsePolicy(text, "resource");
    this.#parsed.set(text, policy);
    return [policy];
  }

  /** A refusal that AWS's own policy might have prevented is no answer. */
  #assertKnown(role: Role, needed: Check): void {
    const unknown = [...role.attached].find((arn) => !this.#entities.policies.has(arn));
    if (unknown === undefined) return;
    throw new ContractError(
      `${needed.action}: role ${role.name} has ${unknown} attached, whose contents are not modelled`,
    );
  }

  #refusal(call: Call, session: Session, needed: Check, denial: Denial): AwsError {
    return accessDenied(call, sessionArn(this.#world.account, session), needed, denial);
  }
}

/** @param about is asked once, and only by a policy that looks at it. */
function requestOf({ action, resource }: Check, about: () => Parameters<typeof contextOf>[0]): Request {
  let context: Context | undefined;
  return {
    action,
    resource,
    get context() {
      context ??= contextOf(about());
      return context;
    },
  };
}

/** ARN of who is speaking; it carries no path. */
export const sessionArn = (account: string, session: Pick<Session, "roleName" | "sessionName">): string =>
  `arn:aws:sts::${account}:assumed-role/${session.roleName}/${session.sessionName}`;
