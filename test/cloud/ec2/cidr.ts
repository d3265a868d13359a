import { AwsError } from "../wire/errors.ts";

interface Block {
  first: number;
  last: number;
  bits: number;
}

/** @throws AwsError InvalidParameterValue for anything but a proper IPv4 block such as "10.0.0.0/16". */
export function block(cidr: string): Block {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  const numbers = match?.slice(1).map(Number) ?? [];
  const [a = 256, b = 256, c = 256, d = 256, bits = 33] = numbers;
  if ([a, b, c, d].some((n) => n > 255) || bits > 32) {
    throw new AwsError(
      "InvalidParameterValue",
      `Value (${cidr}) for parameter cidrBlock is invalid. This is not a valid CIDR block.`,
    );
  }
  const size = 2 ** (32 - bits);
  const first = ((a * 256 + b) * 256 + c) * 256 + d;
  if (first % size !== 0) {
    throw new AwsError("InvalidParameterValue", `CIDR block ${cidr} is malformed: host bits are set`);
  }
  return { first, last: first + size - 1, bits };
}

/** As `block`, of the sizes a VPC or subnet may have. @throws AwsError InvalidVpc.Range | InvalidSubnet.Range */
export function networkBlock(cidr: string, kind: "Vpc" | "Subnet"): Block {
  const found = block(cidr);
  if (found.bits < 16 || found.bits > 28)
    throw new AwsError(`Invalid${kind}.Range`, `The CIDR '${cidr}' is invalid.`);
  return found;
}

export const contains = (outer: string, inner: string): boolean =>
  block(outer).first <= block(inner).first && block(inner).last <= block(outer).last;

export const overlaps = (one: string, other: string): boolean =>
  block(one).first <= block(other).last && block(other).first <= block(one).last;
