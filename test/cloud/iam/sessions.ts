import { randomBytes } from "node:crypto";
import type { Clock } from "../../../agent/site/clock.ts";
import type { Policy } from "./document.ts";
import { uniqueId } from "./ids.ts";

/** Temporary credentials of a role. */
export interface Session {
  accessKeyId: string;
  secretAccessKey: string;
  token: string;
  /** Milliseconds since the epoch. */
  issued: number;
  expires: number;
  /** Id of the role: a role recreated under the same name does not inherit it. */
  roleId: string;
  roleName: string;
  sessionName: string;
  /** Narrows the role, when given with AssumeRole. */
  policy: Policy | undefined;
  /** Instance the credentials were made for. */
  instanceId: string | undefined;
}

/** Every session ever made: one that is over still has to be told from one that never was. */
export class Sessions {
  readonly #clock: Clock;
  readonly #byKey = new Map<string, Session>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(of: {
    roleId: string;
    roleName: string;
    sessionName: string;
    seconds: number;
    policy?: Policy | undefined;
    instanceId?: string | undefined;
  }): Session {
    const issued = this.#clock.now();
    const session: Session = {
      accessKeyId: uniqueId("ASIA", 16),
      secretAccessKey: randomBytes(30).toString("base64"),
      token: randomBytes(270).toString("base64"),
      issued,
      expires: issued + of.seconds * 1000,
      roleId: of.roleId,
      roleName: of.roleName,
      sessionName: of.sessionName,
      policy: of.policy,
      instanceId: of.instanceId,
    };
    this.#byKey.set(session.accessKeyId, session);
    return session;
  }

  find(accessKeyId: string): Session | undefined {
    return this.#byKey.get(accessKeyId);
  }
}
