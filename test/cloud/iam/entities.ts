import { AwsError } from "../wire/server.ts";
import type { Policy } from "./document.ts";

/** A policy document as it was sent, and parsed. */
export interface Document {
  text: string;
  policy: Policy;
}

export interface Role {
  name: string;
  path: string;
  id: string;
  arn: string;
  created: Date;
  description: string | undefined;
  /** Seconds. */
  maxSession: number;
  trust: Document;
  inline: Map<string, Document>;
  /** ARNs of managed policies, in the order attached. */
  attached: Set<string>;
  tags: Map<string, string>;
  /** Service that owns the role, e.g. "spot.amazonaws.com". */
  service: string | undefined;
}

export interface Profile {
  name: string;
  path: string;
  id: string;
  arn: string;
  created: Date;
  role: string | undefined;
  /** When the role was put in or taken out. */
  changed: Date;
  tags: Map<string, string>;
}

export interface Provider {
  arn: string;
  /** Without "https://". */
  url: string;
  clientIds: string[];
  thumbprints: string[];
  created: Date;
  tags: Map<string, string>;
}

export interface ManagedPolicy {
  name: string;
  path: string;
  id: string;
  arn: string;
  created: Date;
  description: string | undefined;
  document: Document;
}

export const noSuchEntity = (message: string): AwsError => new AwsError("NoSuchEntity", message, 404);
export const entityExists = (message: string): AwsError => new AwsError("EntityAlreadyExists", message, 409);
export const deleteConflict = (message: string): AwsError => new AwsError("DeleteConflict", message, 409);
export const validation = (message: string): AwsError => new AwsError("ValidationError", message, 400);

/** What an account has in IAM. Names are unique without regard to case, and found only in their own. */
export class Entities {
  readonly roles = new Map<string, Role>();
  readonly profiles = new Map<string, Profile>();
  /** By ARN. */
  readonly providers = new Map<string, Provider>();
  /** By ARN. */
  readonly policies = new Map<string, ManagedPolicy>();

  role(name: string | undefined): Role {
    const role = this.roles.get(name ?? "");
    if (role === undefined) throw noSuchEntity(`The role with name ${name ?? ""} cannot be found.`);
    return role;
  }

  profile(name: string | undefined): Profile {
    const profile = this.profiles.get(name ?? "");
    if (profile === undefined) throw noSuchEntity(`Instance Profile ${name ?? ""} cannot be found.`);
    return profile;
  }

  provider(arn: string | undefined): Provider {
    const provider = this.providers.get(arn ?? "");
    if (provider === undefined) throw noSuchEntity(`OpenIDConnect Provider not found for arn ${arn ?? ""}`);
    return provider;
  }

  policy(arn: string | undefined): ManagedPolicy {
    const policy = this.policies.get(arn ?? "");
    if (policy === undefined) throw noSuchEntity(`Policy ${arn ?? ""} was not found.`);
    return policy;
  }

  profilesOf(role: string): Profile[] {
    return [...this.profiles.values()].filter((p) => p.role === role);
  }

  /** Undefined for an ARN of nothing here. */
  tagsOf(arn: string): Record<string, string> | undefined {
    const owner = [...this.roles.values(), ...this.profiles.values(), ...this.providers.values()].find(
      (entity) => entity.arn === arn,
    );
    return owner === undefined ? undefined : Object.fromEntries(owner.tags);
  }
}
