import type { Readable } from "node:stream";

/**
 * The part of the site's bucket that holds its state.
 *
 * Concurrency: `create` is atomic, and an object of `state/log/` is never changed, so what `found` and `get` say of it
 * is final. Missing values: undefined. Errors: an EverspotError that names bucket and key; `retry` when the same call
 * may succeed a moment later. A `create` that failed may have arrived, or may still arrive.
 */
export interface StateBucket {
  /** For messages, e.g. "s3://bucket". */
  readonly url: string;
  /**
   * Writes an object where there is none. `date`: S3's clock, ISO 8601. `found`: what is there instead; undefined when
   * it was deleted meanwhile.
   */
  create(key: string, body: Uint8Array): Promise<{ won: true; date: string } | { won: false; found: Found }>;
  /** Writes whatever is there; for what is named by its content. */
  put(key: string, body: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
  /** Below a prefix, after a key, in S3's order. `date`: S3's clock, ISO 8601. */
  list(prefix: string, after?: string): Promise<{ objects: Listed[]; date: string }>;
  remove(keys: readonly string[]): Promise<void>;
}

export type Found = Uint8Array | undefined;
export interface Listed {
  key: string;
  size: number;
  modified: Date;
}

/** Uploads in the bucket: content that is named by its hash and may be larger than the memory. Errors as of the rest. */
export interface UploadBucket {
  /** @param content gives it from its beginning. @throws EverspotError also when it is not what the hash says. */
  putUpload(sha256: string, size: number, content: () => Uint8Array | Readable): Promise<void>;
  /** Undefined: there is none. */
  getUpload(sha256: string): Promise<AsyncIterable<Uint8Array> | undefined>;
}
