import * as z from "zod/mini";

/** `releases/<id>.json`: written once, after the zip. */
export const releaseManifest = z.strictObject({
  version: z.literal(1),
  id: z.string().check(z.regex(/^[A-Za-z0-9._-]{1,128}$/)),
  counter: z.int().check(z.nonnegative()),
  /** ISO 8601, UTC. */
  created: z.iso.datetime(),
  /** The zip's. */
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  /** Bytes of the zip. */
  size: z.int().check(z.nonnegative()),
  /** Bytes and entries once unpacked. */
  unpackedSize: z.int().check(z.nonnegative()),
  files: z.int().check(z.nonnegative()),
  git: z.optional(z.strictObject({ commit: z.string(), dirty: z.boolean() })),
  /** Who packed it, e.g. "ann@laptop" or a GitHub run URL. */
  by: z.optional(z.string()),
  /** "3.13": set when the release carries dependencies made for one Python. */
  python: z.optional(z.string()),
  /** Set when the release carries compiled code. */
  arch: z.optional(z.enum(["x86_64", "arm64"])),
  /** It holds bytecode for the instance's Python; otherwise the first instance has to make it. */
  bytecode: z.optional(z.boolean()),
});
export type ReleaseManifest = z.infer<typeof releaseManifest>;
