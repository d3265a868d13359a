import { AwsError } from "../wire/errors.ts";

/** Codes as in https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
const notFoundCodes: Record<string, [code: string, noun: string]> = {
  vpc: ["InvalidVpcID.NotFound", "vpc ID"],
  subnet: ["InvalidSubnetID.NotFound", "subnet ID"],
  igw: ["InvalidInternetGatewayID.NotFound", "internetGateway ID"],
  rtb: ["InvalidRouteTableID.NotFound", "routeTable ID"],
  rtbassoc: ["InvalidAssociationID.NotFound", "association ID"],
  sg: ["InvalidGroup.NotFound", "security group"],
  sgr: ["InvalidSecurityGroupRuleId.NotFound", "security group rule ID"],
  lt: ["InvalidLaunchTemplateId.NotFound", "launch template ID"],
  fleet: ["InvalidFleetId.NotFound", "fleet ID"],
  i: ["InvalidInstanceID.NotFound", "instance ID"],
  ami: ["InvalidAMIID.NotFound", "image id"],
  snap: ["InvalidSnapshot.NotFound", "snapshot"],
  vol: ["InvalidVolume.NotFound", "volume"],
  eni: ["InvalidNetworkInterfaceID.NotFound", "networkInterface ID"],
  sir: ["InvalidSpotInstanceRequestID.NotFound", "spot instance request ID"],
};

const prefixOf = (id: string): string => id.slice(0, Math.max(0, id.indexOf("-")));

/** The error AWS gives for an id that names nothing, by the id's prefix. */
export function notFound(id: string, prefix = prefixOf(id)): AwsError {
  const [code, noun] = notFoundCodes[prefix] ?? ["InvalidID", "ID"];
  return new AwsError(code, `The ${noun} '${id}' does not exist`);
}

export const invalid = (message: string): AwsError => new AwsError("InvalidParameterValue", message);
export const combination = (message: string): AwsError =>
  new AwsError("InvalidParameterCombination", message);
export const missing = (name: string): AwsError =>
  new AwsError("MissingParameter", `The request must contain the parameter ${name}`);
export const dependency = (message: string): AwsError => new AwsError("DependencyViolation", message);
export const incorrectState = (message: string): AwsError => new AwsError("IncorrectState", message);
export const incorrectInstanceState = (message: string): AwsError =>
  new AwsError("IncorrectInstanceState", message);

/** @throws AwsError MissingParameter */
export function need<T>(value: T | undefined | null, name: string): T {
  if (value === undefined || value === null || value === "") throw missing(name);
  return value;
}

/** @throws AwsError Invalid….NotFound; `prefix` says of which kind when the id does not. */
export function found<T>(
  items: ReadonlyMap<string, T>,
  id: string | undefined,
  prefix: string,
  name = `${prefix} id`,
): T {
  const key = need(id, name);
  const item = items.get(key);
  if (item === undefined) throw notFound(key, prefix);
  return item;
}

/** The items of the given ids, or all; an id that names nothing is an error, as in every Describe call. */
export function chosen<T>(
  items: ReadonlyMap<string, T>,
  ids: readonly string[] | undefined,
  prefix: string,
): T[] {
  if (ids === undefined || ids.length === 0) return [...items.values()];
  return [...new Set(ids)].map((id) => found(items, id, prefix));
}
