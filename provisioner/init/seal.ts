/** A short hash in what `everspot init` writes: a file that still fits its own has not been changed since. Pure. */
import { createHash } from "node:crypto";

const WRITTEN = "Written by `everspot init`";
const SEAL = /(Written by `everspot init`) \[([0-9a-f]{8})\]/;

/** Text that does not say it was written by `init` stays as it is. */
export const sealed = (text: string): string => text.replace(WRITTEN, `${WRITTEN} [${hashOf(text)}]`);

export function isUntouched(text: string): boolean {
  const seal = SEAL.exec(text)?.[2];
  return seal !== undefined && hashOf(text.replace(SEAL, "$1")) === seal;
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);
