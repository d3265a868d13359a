import * as z from "zod/mini";
import { parsePlainJson } from "../read-json.ts";
import { inside, type Upload } from "./entry.ts";
import { Damaged } from "./errors.ts";

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));

/** `state/base/<number>.json`: the whole state as of one entry. Written once, after that entry. */
const base = z.strictObject({
  format: z.literal(1),
  /** The entry that carries the last frame it holds, the chain and the highest epoch there. */
  seq: z.int().check(z.nonnegative()),
  hash: sha256,
  epoch: z.int().check(z.nonnegative()),
  at: z.string(),
  files: z.array(
    z.strictObject({
      file: inside,
      /** Bytes of a page, of the whole, and of each chunk but the last. */
      page: z.int().check(z.positive()),
      size: z.int().check(z.nonnegative()),
      chunk: z.int().check(z.positive()),
      /** SHA-256 of each chunk's plain bytes, in order. */
      chunks: z.array(sha256),
    }),
  ),
  media: z.array(z.strictObject({ name: inside, sha256, size: z.int().check(z.nonnegative()) })),
});
export type Base = z.infer<typeof base>;
export type BaseFile = Base["files"][number];

export const encodeBase = (value: Base): Uint8Array => Buffer.from(JSON.stringify(z.parse(base, value)));

/** @throws Damaged */
export function decodeBase(bytes: Uint8Array, seq: number, resource: string): Base {
  let json: unknown;
  try {
    json = parsePlainJson(bytes);
  } catch (cause) {
    throw new Damaged(resource, "is not JSON", cause);
  }
  const parsed = z.safeParse(base, json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Damaged(resource, `cannot be read: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
  }
  const found = parsed.data;
  if (found.seq !== seq) throw new Damaged(resource, `is of entry ${found.seq}`);
  const short = found.files.find((f) => f.chunks.length !== Math.ceil(f.size / f.chunk));
  if (short !== undefined) throw new Damaged(resource, `does not have all chunks of ${short.file}`);
  return found;
}

/** The uploads there are after some were added or deleted. */
export function withUploads(
  media: ReadonlyMap<string, { sha256: string; size: number }>,
  changes: readonly Upload[],
): Map<string, { sha256: string; size: number }> {
  const next = new Map(media);
  for (const { name, sha256, size } of changes) {
    if (sha256 === undefined) next.delete(name);
    else next.set(name, { sha256, size: size ?? 0 });
  }
  return next;
}
