import type { RoleCredentials } from "./instance-view.ts";

export interface Profile {
  arn: string;
  id: string;
  name: string;
  roleName: string | undefined;
}

/** What EC2 asks of IAM. */
export interface Profiles {
  /** By name or ARN. */
  find(nameOrArn: string): Profile | undefined;
  /** Of the role the profile has now; undefined when it has none. */
  credentials(profile: Profile, instanceId: string): RoleCredentials | undefined;
  /** Does the account have the role of a service such as "spot.amazonaws.com"? */
  hasServiceLinkedRole(service: string): boolean;
}
