import * as client from "@aws-sdk/client-iam";
import type { Clock } from "../../../agent/site/clock.ts";
import type { Call, WireServer } from "../wire/server.ts";
import { Authorizer } from "./authorize.ts";
import { expired, unknownCredentials, unsigned } from "./denial.ts";
import { Entities, type Role } from "./entities.ts";
import { registerProfiles } from "./profiles.ts";
import { registerProviders } from "./providers.ts";
import type { Lookups, World } from "./requests/check.ts";
import { registerRolePolicies } from "./role-policies.ts";
import { registerRoles } from "./roles.ts";
import { type Session, Sessions } from "./sessions.ts";

export type { Lookups, TemplateReference } from "./requests/check.ts";

/** The keys of the account's owner, who may do everything. */
export const ADMIN = { accessKeyId: "AKIATEST", secretAccessKey: "test", userName: "admin" } as const;

/** As IMDS answers below `iam/security-credentials/<role>`. Times are ISO 8601 without fractions. */
export interface InstanceCredentials {
  Code: "Success";
  LastUpdated: string;
  Type: "AWS-HMAC";
  AccessKeyId: string;
  SecretAccessKey: string;
  Token: string;
  Expiration: string;
}

export interface IamOptions {
  account: string;
  region: string;
  clock: Clock;
  lookups: Lookups;
}

/**
 * IAM, with its policies evaluated for every call of a role session. Registers its operations and the check before
 * every call on the wire.
 *
 * Not modelled: users and groups (but for the owner's key), permissions boundaries, organisations, session tags,
 * policy versions, the contents of AWS's managed policies (a call that might hang on one is a ContractError).
 */
export class Iam {
  readonly entities = new Entities();
  readonly sessions: Sessions;
  readonly authorizer: Authorizer;
  readonly account: string;
  readonly region: string;
  readonly clock: Clock;
  /** How long an instance's credentials last, and at what age IMDS hands out the next. AWS: 6 h and about 1 h. */
  instanceSession = { seconds: 6 * 3600, rotateAfterSeconds: 3600 };
  readonly #instances = new Map<string, Session>();

  constructor(wire: WireServer, { account, region, clock, lookups }: IamOptions) {
    this.account = account;
    this.region = region;
    this.clock = clock;
    this.sessions = new Sessions(clock);
    const world: World = {
      account,
      region,
      tagsOf: (arn) => (arn.startsWith("arn:aws:iam:") ? this.entities.tagsOf(arn) : lookups.tagsOf(arn)),
      launchTemplate: (reference) => lookups.launchTemplate(reference),
      objectExists: (bucket, key, version) => lookups.objectExists(bucket, key, version),
      bucketPolicy: (bucket) => lookups.bucketPolicy(bucket),
      roleOfProfile: (profile) => this.#roleFor(profile)?.arn,
    };
    this.authorizer = new Authorizer(this.entities, world, clock);
    wire.use(client, "iam");
    registerRoles(wire, this.entities, account, clock);
    registerRolePolicies(wire, this.entities, account, clock);
    registerProfiles(wire, this.entities, account, clock);
    registerProviders(wire, this.entities, account, clock);
    wire.before((call) => this.authorize(call));
  }

  /** For the wire's check of signatures; undefined for a key nobody has. */
  secretOf(accessKeyId: string): string | undefined {
    if (accessKeyId === ADMIN.accessKeyId) return ADMIN.secretAccessKey;
    return this.sessions.find(accessKeyId)?.secretAccessKey;
  }

  /** The live session behind a call; undefined for the owner. @throws AwsError for any other credentials. */
  sessionOf(call: Pick<Call, "service" | "accessKeyId" | "sessionToken">): Session | undefined {
    if (call.accessKeyId === undefined) throw unsigned(call.service);
    if (call.accessKeyId === ADMIN.accessKeyId && call.sessionToken === undefined) return undefined;
    const session = this.sessions.find(call.accessKeyId);
    if (session === undefined || session.token !== call.sessionToken) throw unknownCredentials(call.service);
    if (this.clock.now() >= session.expires) throw expired(call.service);
    return session;
  }

  /** @throws AwsError when the role of the session is gone. */
  roleOf(session: Session, service: string): Role {
    const role = this.entities.roles.get(session.roleName);
    if (role === undefined || role.id !== session.roleId) throw unknownCredentials(service);
    return role;
  }

  authorize(call: Call): void {
    if (isUnsigned(call)) return;
    const session = this.sessionOf(call);
    if (session === undefined) return;
    this.authorizer.authorize(call, session, this.roleOf(session, call.service));
  }

  /** Name of the role in an instance profile (name or ARN) or of the role itself; undefined when there is none. */
  roleName(profileOrRole: string): string | undefined {
    return this.#roleFor(profileOrRole)?.name;
  }

  /**
   * What IMDS gives an instance: the same credentials until they are due for rotation.
   * Undefined when the profile has no role (any more).
   */
  credentialsForInstance(
    profileOrRole: string,
    instanceId = "i-00000000000000000",
  ): InstanceCredentials | undefined {
    const role = this.#roleFor(profileOrRole);
    if (role === undefined) return undefined;
    const key = `${role.id} ${instanceId}`;
    const current = this.#instances.get(key);
    const session =
      current !== undefined && this.clock.now() < current.issued + this.#rotateAfter(current)
        ? current
        : this.sessions.issue({
            roleId: role.id,
            roleName: role.name,
            sessionName: instanceId,
            seconds: this.instanceSession.seconds,
            instanceId,
          });
    this.#instances.set(key, session);
    return {
      Code: "Success",
      LastUpdated: isoSeconds(session.issued),
      Type: "AWS-HMAC",
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      Token: session.token,
      Expiration: isoSeconds(session.expires),
    };
  }

  /** Credentials that live shorter than the rotation are replaced at half their life. */
  #rotateAfter(session: Session): number {
    return Math.min(this.instanceSession.rotateAfterSeconds * 1000, (session.expires - session.issued) / 2);
  }

  #roleFor(profileOrRole: string): Role | undefined {
    const name = profileOrRole.split("/").at(-1) ?? "";
    const profile = this.entities.profiles.get(name);
    if (profile !== undefined) {
      return profile.role === undefined ? undefined : this.entities.roles.get(profile.role);
    }
    return profileOrRole.includes(":instance-profile/") ? undefined : this.entities.roles.get(name);
  }
}

/** The calls AWS takes without a signature. */
const isUnsigned = (call: Call): boolean =>
  call.service === "sts" && call.operation === "AssumeRoleWithWebIdentity";

const isoSeconds = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
