import * as client from "@aws-sdk/client-iam";
import type { Clock } from "../../../agent/site/clock.ts";
import type { Call, WireServer } from "../wire/server.ts";
import { Authorizer } from "./authorize.ts";
import { expired, unknownCredentials, unsigned } from "./denial.ts";
import { Entities, type Role } from "./entities.ts";
import { InstanceRoles } from "./instance-roles.ts";
import { registerProfiles } from "./profiles.ts";
import { registerProviders } from "./providers.ts";
import type { Lookups, World } from "./requests/check.ts";
import { registerRolePolicies } from "./role-policies.ts";
import { registerRoles } from "./roles.ts";
import { type Session, Sessions } from "./sessions.ts";
import { registerSimulation } from "./simulate.ts";

export type { Lookups, TemplateReference } from "./requests/check.ts";

/** The keys of the account's owner, who may do everything but what a bucket's policy denies. */
export const ADMIN = { accessKeyId: "AKIATEST", secretAccessKey: "test", userName: "admin" } as const;

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
  /** What EC2 asks: profiles, and the credentials of instances. */
  readonly instances: InstanceRoles;

  constructor(wire: WireServer, { account, region, clock, lookups }: IamOptions) {
    this.account = account;
    this.region = region;
    this.clock = clock;
    this.sessions = new Sessions(clock);
    this.instances = new InstanceRoles(this.entities, this.sessions, clock);
    const world: World = {
      account,
      region,
      tagsOf: (arn) => (arn.startsWith("arn:aws:iam:") ? this.entities.tagsOf(arn) : lookups.tagsOf(arn)),
      launchTemplate: (reference) => lookups.launchTemplate(reference),
      bucketPolicy: (bucket) => lookups.bucketPolicy(bucket),
      roleOfProfile: (profile) => this.instances.roleFor(profile)?.arn,
    };
    this.authorizer = new Authorizer(this.entities, world, clock);
    wire.use(client, "iam");
    registerRoles(wire, this.entities, account, clock);
    registerRolePolicies(wire, this.entities, account, clock);
    registerProfiles(wire, this.entities, account, clock);
    registerSimulation(wire, {
      ...{ entities: this.entities, authorizer: this.authorizer },
      owner: `arn:aws:iam::${account}:user/${ADMIN.userName}`,
    });
    registerProviders(wire, this.entities, account, clock);
    wire.before((call) => this.authorize(call));
  }

  /** For the wire's check of signatures; undefined for a key no one has. */
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
    if (session === undefined) {
      const arn = `arn:aws:iam::${this.account}:user/${ADMIN.userName}`;
      this.authorizer.authorizeOwner(call, { arn, name: ADMIN.userName });
      return;
    }
    this.authorizer.authorize(call, session, this.roleOf(session, call.service));
  }

  /** Whether the caller has one permission more, for answers that hang on it (S3: 403 or 404 for a missing key). */
  may(call: Call, action: string, resource: string): boolean {
    const session = this.sessionOf(call);
    if (session === undefined) return true;
    const role = this.roleOf(session, call.service);
    return this.authorizer.decide({ action, resource, context: {} }, session, role, call) === undefined;
  }
}

/** The calls AWS takes without a signature. */
const isUnsigned = (call: Call): boolean =>
  call.service === "sts" && call.operation === "AssumeRoleWithWebIdentity";
