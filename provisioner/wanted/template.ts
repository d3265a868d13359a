import { createHash } from "node:crypto";
import { type Credits, isBurstable } from "../../agent/site/config/burstable.ts";

/** What a launch template holds, except for the security group, which may not exist yet. */
export interface TemplateData {
  /** AMI id. */
  image: string;
  rootDevice: string;
  /** GB. */
  disk: number;
  /** Name of the instance profile. */
  profile: string;
  /** Raw bytes, at most 16 KB. */
  userData: Uint8Array;
  /** What a burstable machine begins with; undefined: AWS's default for its type. */
  credits: "standard" | "unlimited" | undefined;
}

/**
 * Every version says in its description what it was made from, so that an unchanged site is recognized without taking
 * AWS's rendering of a template apart. Raise FORM when the adapter builds a different template from the same data.
 */
const FORM = 2;

export interface Version {
  hash: string;
  os: string;
  arch: string;
  /**
   * Set where the image is the site's own: the Debian image below it, and the version that is the same but for having
   * that one, to be launched when the site's own image is gone.
   */
  baked?: { base: string; stock: number } | undefined;
}

export function templateHash(data: TemplateData, group: string): string {
  const { userData, ...rest } = data;
  const hash = createHash("sha256").update(JSON.stringify({ form: FORM, group, ...rest }));
  return hash.update(userData).digest("hex").slice(0, 16);
}

export const describeVersion = ({ hash, os, arch, baked }: Version): string =>
  `everspot ${hash} ${os} ${arch}${baked === undefined ? "" : ` baked ${baked.base} ${baked.stock}`}`;

/** Undefined for a version everspot did not make. */
export function parseVersion(description: string | undefined): Version | undefined {
  const [, hash, os, arch, base, stock] =
    /^everspot (\w+) (\S+) (\S+)(?: baked (\S+) (\d+))?$/.exec(description ?? "") ?? [];
  if (hash === undefined || os === undefined || arch === undefined) return undefined;
  return { hash, os, arch, baked: base === undefined ? undefined : { base, stock: Number(stock) } };
}

/**
 * Beside other types nothing can be said: EC2 launches none of those from a template with a credit setting
 * (terraform-provider-aws#5081). By default T3, T3a and T4g are unlimited, and T2 gets credits for its boot.
 */
export const creditsAtLaunch = (types: readonly string[], credits: Credits): TemplateData["credits"] =>
  !types.every(isBurstable) ? undefined : credits === "standard" ? "standard" : "unlimited";
