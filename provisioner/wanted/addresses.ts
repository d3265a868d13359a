/** The site's private addresses; nothing else is in this network, so any range will do. */
export const VPC_CIDR = "10.83.0.0/16";

/** Subnets of 4,096 addresses: 16 of them, one for each zone with plenty to spare. */
const SUBNETS = 16;

/** The block of a zone's subnet: by the zone's last letter, or the next one that is free. */
export function subnetCidr(vpcCidr: string, zone: string, taken: readonly string[]): string {
  const [first = "10", second = "83"] = vpcCidr.split(".");
  const block = (n: number) => `${first}.${second}.${n * 16}.0/20`;
  const letter = zone.charCodeAt(zone.length - 1) - "a".charCodeAt(0);
  const preferred = letter >= 0 && letter < SUBNETS ? letter : 0;
  for (let i = 0; i < SUBNETS; i++) {
    const cidr = block((preferred + i) % SUBNETS);
    if (!taken.includes(cidr)) return cidr;
  }
  throw new Error(`no room in ${vpcCidr} for a subnet in ${zone}`);
}
