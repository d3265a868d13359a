/** How an object is compressed, as HTTP names it (Content-Encoding). */
export type Encoding = "br" | "zstd";

/**
 * The site's bucket, as the rest of everspot sees it.
 *
 * Concurrency: reads are strongly consistent after writes (S3). A conditional `put` is atomic.
 * Missing values: `get` and `head` return undefined; they never throw for a missing key.
 * Errors: `ConditionFailed` when the condition does not hold, which after a lost reply can be our own write
 * (S3: an SDK retry can meet its own write as a 412); `WriteConflict` when S3 answers 409, to be tried again.
 * Every other failure is an EverspotError that names bucket and key.
 */
export interface ObjectStore {
  /** For messages, e.g. "s3://bucket". */
  readonly url: string;
  get(key: string): Promise<StoredObject | undefined>;
  head(key: string): Promise<{ etag: string; size: number; modified: Date } | undefined>;
  /** `date` is the server's clock. `kmsKey`: ARN of the key to encrypt with, instead of the bucket's own. */
  put(
    key: string,
    body: Uint8Array | string,
    condition?: Condition,
    kmsKey?: string,
  ): Promise<{ etag: string; date: Date }>;
  /** All keys below a prefix, in S3's order (UTF-8 binary). */
  list(prefix: string): Promise<{ key: string; size: number; modified: Date }[]>;
  /**
   * Streams an object into a file (0600); returns the SHA-256 (hex) of what was written and its size. The file is not
   * flushed: after a power cut it must not be believed.
   */
  download(key: string, file: string): Promise<{ sha256: string; size: number } | undefined>;
  /**
   * Streams a file into an object.
   * @param encoding how the file is compressed, if whoever reads the object is to know.
   */
  upload(key: string, file: string, condition?: Condition, encoding?: Encoding): Promise<void>;
}

export interface StoredObject {
  body: Uint8Array;
  etag: string;
  /** The server's clock when it answered. */
  date: Date;
}

export type Condition = { ifMatch: string } | { ifNoneMatch: "*" };

export class ConditionFailed extends Error {
  override readonly name = "ConditionFailed";
}
export class WriteConflict extends Error {
  override readonly name = "WriteConflict";
}
