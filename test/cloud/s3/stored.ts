/** What a bucket keeps. */
import type { Checksums } from "./checksums.ts";

/** What a client may say about an object; all of it comes back with the object. */
export interface Metadata {
  ContentType?: string | undefined;
  ContentEncoding?: string | undefined;
  ContentDisposition?: string | undefined;
  ContentLanguage?: string | undefined;
  CacheControl?: string | undefined;
  Metadata?: Record<string, string> | undefined;
  /** Undefined is STANDARD. */
  StorageClass?: string | undefined;
}

export interface Content {
  body: Uint8Array;
  /** Quoted, as on the wire. */
  etag: string;
  metadata: Metadata;
  checksums: Checksums;
  encryption: Encryption;
  tags: readonly Tag[];
}

export interface Tag {
  Key: string;
  Value: string;
}

interface VersionBase {
  key: string;
  /** "null" for what was written while the bucket was not versioned. */
  id: string;
  /** Milliseconds, whole seconds: S3 keeps no finer time. */
  modified: number;
}
export type ObjectVersion = VersionBase & Content & { marker: false };
export type DeleteMarker = VersionBase & { marker: true };
export type Version = ObjectVersion | DeleteMarker;

/** How an object is encrypted; part of every answer about it. */
export interface Encryption {
  ServerSideEncryption: string;
  /** ARN. */
  SSEKMSKeyId?: string;
}

/** A multipart upload that has not ended. */
export interface Upload {
  id: string;
  key: string;
  initiated: number;
  metadata: Metadata;
  encryption: Encryption;
  parts: Map<number, Part>;
}

export interface Part {
  body: Uint8Array;
  etag: string;
  modified: number;
  checksums: Checksums;
}
