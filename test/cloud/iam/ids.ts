import { randomBytes } from "node:crypto";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** E.g. `uniqueId("AROA", 17)`: the prefix and as many random letters and digits. */
export const uniqueId = (prefix: string, length: number): string =>
  prefix + [...randomBytes(length)].map((byte) => BASE32.charAt(byte % 32)).join("");
