import type { Clock } from "../../../agent/site/clock.ts";
import type { RoleCredentials } from "../ec2/instance-view.ts";
import type { Profile, Profiles } from "../ec2/profiles.ts";
import type { Entities, Role } from "./entities.ts";
import { serviceLinkedRole } from "./service-linked.ts";
import type { Session, Sessions } from "./sessions.ts";

/** The roles of instances, and the credentials their metadata services hand out. */
export class InstanceRoles implements Profiles {
  /** How long credentials last, and at what age the next are handed out. AWS: 6 h and about 1 h. */
  lifetime = { seconds: 6 * 3600, rotateAfterSeconds: 3600 };
  /**
   * How long EC2 does not know a new profile, nor a role newly put into one, milliseconds. AWS takes some seconds
   * (IAM user guide, "Changes that I make are not always immediately visible"); 0 by default.
   */
  propagationMs = 0;
  readonly #entities: Entities;
  readonly #sessions: Sessions;
  readonly #clock: Clock;
  /** The newest of each role and instance. */
  readonly #current = new Map<string, Session>();

  constructor(entities: Entities, sessions: Sessions, clock: Clock) {
    this.#entities = entities;
    this.#sessions = sessions;
    this.#clock = clock;
  }

  find(nameOrArn: string): Profile | undefined {
    const found = [...this.#entities.profiles.values()].find(
      (p) => p.name === nameOrArn || p.arn === nameOrArn,
    );
    const known = (since: Date): boolean => this.#clock.now() >= since.getTime() + this.propagationMs;
    if (found === undefined || !known(found.created)) return undefined;
    const roleName = known(found.changed) ? found.role : undefined;
    return { arn: found.arn, id: found.id, name: found.name, roleName };
  }

  credentials(profile: Profile, instanceId: string): RoleCredentials | undefined {
    return this.credentialsFor(profile.arn, instanceId);
  }

  hasServiceLinkedRole(service: string): boolean {
    return this.#entities.roles.has(serviceLinkedRole(service)?.name ?? "");
  }

  /** Of an instance profile, by name or ARN, or of a role by name; undefined when there is none. */
  roleFor(profileOrRole: string): Role | undefined {
    const profile = this.find(profileOrRole);
    const name = profile === undefined ? profileOrRole : profile.roleName;
    return name === undefined ? undefined : this.#entities.roles.get(name);
  }

  /** The same credentials until they are due for rotation. Undefined when there is no role (any more). */
  credentialsFor(profileOrRole: string, instanceId: string): RoleCredentials | undefined {
    const role = this.roleFor(profileOrRole);
    if (role === undefined) return undefined;
    const key = `${role.id} ${instanceId}`;
    const current = this.#current.get(key);
    const fresh = current !== undefined && this.#clock.now() < current.issued + this.#rotateAfterMs(current);
    const session = fresh
      ? current
      : this.#sessions.issue({
          roleId: role.id,
          roleName: role.name,
          sessionName: instanceId,
          seconds: this.lifetime.seconds,
          instanceId,
        });
    this.#current.set(key, session);
    return {
      accessKeyId: session.accessKeyId,
      secretAccessKey: session.secretAccessKey,
      sessionToken: session.token,
      lastUpdated: new Date(session.issued),
      expiration: new Date(session.expires),
    };
  }

  /** Credentials with a life shorter than the rotation are replaced at half of it. */
  #rotateAfterMs(session: Session): number {
    return Math.min(this.lifetime.rotateAfterSeconds * 1000, (session.expires - session.issued) / 2);
  }
}
