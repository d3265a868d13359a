import type { LifecycleRule } from "@aws-sdk/client-s3";
import * as clientS3 from "@aws-sdk/client-s3";
import type { Bucket } from "./s3/bucket.ts";
import { makeBucket, serveBuckets } from "./s3/buckets.ts";
import type { S3Context } from "./s3/context.ts";
import { expire } from "./s3/lifecycle.ts";
import { serveListing } from "./s3/listing.ts";
import { serveObjectTagging } from "./s3/object-tagging.ts";
import { serveObjects } from "./s3/objects.ts";
import { serveSettings } from "./s3/settings.ts";
import { serveUploads } from "./s3/uploads.ts";
import type { WireServer } from "./wire/server.ts";

export interface S3Options {
  account?: string;
  now?: () => number;
  /** Names of buckets other accounts have. */
  taken?: readonly string[];
  /**
   * Whether the caller may do something beyond the operation itself: without s3:ListBucket a missing key is
   * answered 403, and If-Match on a write needs s3:GetObject. Default: yes.
   */
  may?: S3Context["may"];
  /** See Delays. */
  versioned?: number | undefined;
}

/** S3 as the site uses it. Objects are kept in memory, each body once. What is left out is in README.md. */
export class S3 {
  readonly buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  constructor(server: WireServer, options: S3Options = {}) {
    this.#now = options.now ?? Date.now;
    const context: S3Context = {
      account: options.account ?? "123456789012",
      now: this.#now,
      buckets: this.buckets,
      may: options.may ?? (() => true),
      versioned: options.versioned ?? 0,
    };
    server.use(clientS3, "s3");
    serveBuckets(server, context, new Set(options.taken));
    serveSettings(server, context);
    serveObjects(server, context);
    serveObjectTagging(server, context);
    serveListing(server, context);
    serveUploads(server, context);
  }

  /** A bucket in us-east-1, as CreateBucket makes it, without the time that the call takes. */
  make(name: string): Bucket {
    return makeBucket({ buckets: this.buckets, now: this.#now }, name, "us-east-1");
  }

  /** Lifecycle rules act only when this is called: what is due at the clock's time is done. */
  expire(): void {
    for (const bucket of this.buckets.values()) {
      const { Rules = [] } = (bucket.settings.get("Lifecycle") ?? {}) as { Rules?: LifecycleRule[] };
      expire(bucket, Rules, this.#now());
    }
  }
}
