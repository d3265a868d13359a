import { AwsError } from "../wire/errors.ts";

/**
 * What callers see in an account that never used spot instances.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
 */
export const spotRoleMissing = (): AwsError =>
  new AwsError(
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
    "The provided credentials do not have permission to create the service-linked role for EC2 Spot Instances.",
    403,
  );

/** The same of EC2 Fleet. */
export const fleetRoleMissing = (): AwsError =>
  new AwsError(
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
    "The provided credentials do not have permission to create the service-linked role for EC2 Fleet.",
    403,
  );
