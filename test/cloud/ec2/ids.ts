import { randomBytes } from "node:crypto";

/** "i-0abc…": a prefix and 17 hex digits, as EC2 makes them since 2018. */
export const newId = (prefix: string): string => `${prefix}-0${randomBytes(8).toString("hex")}`;

/** "fleet-…", "sir-…" and the like: a UUID after the prefix. */
export const newFleetId = (): string => {
  const hex = randomBytes(16).toString("hex");
  return `fleet-${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
