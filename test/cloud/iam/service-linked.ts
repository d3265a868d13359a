/**
 * Roles a service makes for itself (EC2 user guide, "Service-linked role for EC2 Fleet" and "… for Spot Instance
 * requests"). Their policies are AWS's; nothing here evaluates them.
 */
const KNOWN: Readonly<Record<string, { name: string; policy: string }>> = {
  "spot.amazonaws.com": { name: "AWSServiceRoleForEC2Spot", policy: "AWSEC2SpotServiceRolePolicy" },
  "ec2fleet.amazonaws.com": { name: "AWSServiceRoleForEC2Fleet", policy: "AWSEC2FleetServiceRolePolicy" },
  "spotfleet.amazonaws.com": {
    name: "AWSServiceRoleForEC2SpotFleet",
    policy: "AWSEC2SpotFleetServiceRolePolicy",
  },
};

/** Undefined for a service that has none we know. */
export const serviceLinkedRole = (service: string): { name: string; policy: string } | undefined =>
  KNOWN[service];

/** The name of such a role with its path, "aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot". */
export function servicePath(role: string): string {
  const service = Object.entries(KNOWN).find(([, { name }]) => name === role)?.[0] ?? "*";
  return `aws-service-role/${service}/${role}`;
}
