import { createHash } from "node:crypto";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import * as z from "zod/mini";
import { Damaged } from "./errors.ts";
import { FRAME_HEADER } from "./frames.ts";
import { packedRoom, plainRoom } from "./room.ts";

/**
 * An entry of the log, as it lies in the bucket (docs/state-format.md): "EVS1", the header's length (32 bits, big
 * endian), the header (JSON), and the body, deflated without a wrapper (RFC 1951); nothing where it is empty.
 */
const MAGIC = Buffer.from("EVS1");
/** Bytes. A header lists the names of a few uploads at most; a longer one is not ours. */
const LONGEST_HEADER = 1 << 20;
/** Bytes of a body once inflated: an entry is split above 8 MB, a page more or less. */
const LONGEST_BODY = 64 << 20;

const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const name = z.string().check(z.minLength(1), z.maxLength(255));

const written = {
  format: z.literal(1),
  /** The site owner's: every change of owner is a higher one. */
  epoch: z.int().check(z.positive()),
  instance: name,
  /** Names one run of the writer's process: who meets its own entry knows which run wrote it. */
  run: z.string().check(z.regex(/^[0-9a-f]{16}$/)),
  /** By S3's clock, and never before the entry before. */
  at: z.iso.datetime(),
};
const chained = { ...written, prev: sha256 };

/** A relative path inside a folder, with `/` between its parts. */
export const inside = z.string().check(
  z.minLength(1),
  z.maxLength(1024),
  z.refine(
    (path) =>
      !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== ".."),
    "leads out of its folder",
  ),
);

/** Which frames of a write-ahead log the body has. */
const frames = z.strictObject({
  /** The database, by its path as the configuration has it. */
  file: inside,
  /** Bytes. */
  page: z
    .int()
    .check(z.refine((n) => n >= 512 && n <= 65_536 && (n & (n - 1)) === 0, "is no page size of SQLite")),
  /** Both salts of the writer's write-ahead log: its generation. Zeros: pages that were compared, not copied from it. */
  salt: z.string().check(z.regex(/^[0-9a-f]{16}$/)),
  /** Frames before the first one of the body, and with the last one, in that generation. */
  from: z.int().check(z.nonnegative()),
  to: z.int().check(z.nonnegative()),
  /** The transaction goes on in the next entry; nothing of it counts before that one is there. */
  unfinished: z.optional(z.literal(true)),
});
export type Frames = z.infer<typeof frames>;

const upload = z.strictObject({
  name: inside,
  /** Its content's, which is there already; undefined: the upload was deleted. */
  sha256: z.optional(sha256),
  size: z.optional(z.int().check(z.nonnegative())),
});
export type Upload = z.infer<typeof upload>;

const header = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("fence"), ...written }),
  z.strictObject({ kind: z.literal("open"), ...chained }),
  z.strictObject({ kind: z.literal("seal"), ...chained }),
  z.strictObject({ kind: z.literal("mark"), ...chained, name }),
  /** All after the entry `to` is taken back. */
  z.strictObject({ kind: z.literal("rewind"), ...chained, to: z.int().check(z.positive()) }),
  z.strictObject({
    kind: z.literal("data"),
    ...chained,
    frames: z.optional(frames),
    media: z.optional(z.array(upload)),
  }),
]);
export type Header = z.infer<typeof header>;
export type Kind = Header["kind"];

export interface Entry {
  header: Header;
  /** Still deflated. */
  packed: Uint8Array;
}

/** @throws what zod throws for a header that is none. */
export function encodeEntry(head: Header, body: Uint8Array = new Uint8Array()): Uint8Array {
  const json = Buffer.from(JSON.stringify(z.parse(header, head)));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  const packed =
    body.length === 0
      ? body
      : deflateRawSync(body, { level: constants.Z_BEST_SPEED, chunkSize: packedRoom(body.length) });
  return Buffer.concat([MAGIC, length, json, packed]);
}

/** @param resource for messages, e.g. "s3://bucket/state/log/000000000001". @throws Damaged */
export function decodeEntry(bytes: Uint8Array, resource: string): Entry {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < 8 || !buffer.subarray(0, 4).equals(MAGIC)) {
    throw new Damaged(resource, "is not an entry of the log");
  }
  const end = 8 + buffer.readUInt32BE(4);
  if (end > 8 + LONGEST_HEADER || end > buffer.length) throw new Damaged(resource, "is cut off");
  let json: unknown;
  try {
    json = JSON.parse(buffer.subarray(8, end).toString());
  } catch (cause) {
    throw new Damaged(resource, "has a header that is not JSON", cause);
  }
  const parsed = z.safeParse(header, json);
  if (parsed.success) return { header: parsed.data, packed: buffer.subarray(end) };
  const format = (json as { format?: unknown } | null)?.format;
  if (typeof format === "number" && format > 1) {
    throw new Damaged(resource, `is of format ${format}, which this everspot does not know: use a newer one`);
  }
  const issue = parsed.error.issues[0];
  throw new Damaged(
    resource,
    `has a header that cannot be read: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
  );
}

/** @throws Damaged */
export function bodyOf(entry: Entry, resource: string): Uint8Array {
  const { header, packed } = entry;
  if (packed.length === 0) return new Uint8Array();
  const { from = 0, to = 0, page = 0 } = (header.kind === "data" && header.frames) || {};
  const size = Math.min(LONGEST_BODY, Math.max(0, to - from) * (FRAME_HEADER + page));
  try {
    return inflateRawSync(packed, { maxOutputLength: LONGEST_BODY, chunkSize: plainRoom(size) });
  } catch (cause) {
    throw new Damaged(resource, "has a body that cannot be inflated", cause);
  }
}

/** The chain with one entry more: SHA-256 of the chain so far (32 bytes) and the entry as it lies in the bucket. */
export const chain = (hash: string, bytes: Uint8Array): string =>
  createHash("sha256").update(Buffer.from(hash, "hex")).update(bytes).digest("hex");
