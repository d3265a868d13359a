import { randomBytes } from "node:crypto";
import { AwsError } from "../wire/errors.ts";
import type { Content, DeleteMarker, ObjectVersion, Upload, Version } from "./stored.ts";

export const NULL_VERSION = "null";

/** One bucket: every version of every key. Knows nothing of requests. */
export class Bucket {
  readonly name: string;
  readonly region: string;
  readonly created: number;
  versioning: "Enabled" | "Suspended" | undefined;
  /** When versions were first switched on. */
  versioned: number | undefined;
  readonly settings = new Map<string, object>();
  readonly uploads = new Map<string, Upload>();
  /** Newest first; never an empty list. */
  readonly #versions = new Map<string, Version[]>();

  constructor(name: string, region: string, created: number) {
    this.name = name;
    this.region = region;
    this.created = created;
  }

  setVersioning(status: "Enabled" | "Suspended", now: number): void {
    this.versioning = status;
    if (status === "Enabled") this.versioned ??= now;
  }

  /** The newest version, if it is no delete marker. */
  current(key: string): ObjectVersion | undefined {
    const newest = this.newest(key);
    return newest?.marker === false ? newest : undefined;
  }

  newest(key: string): Version | undefined {
    return this.#versions.get(key)?.[0];
  }

  /** @throws AwsError NoSuchVersion */
  version(key: string, id: string): Version {
    const found = this.#versions.get(key)?.find((v) => v.id === id);
    if (found !== undefined) return found;
    throw new AwsError("NoSuchVersion", "The specified version does not exist.", 404, {
      Key: key,
      VersionId: id,
    });
  }

  /** Replaces the null version, or in a versioned bucket adds one. */
  put(key: string, content: Content, now: number): ObjectVersion {
    const version: ObjectVersion = {
      ...content,
      key,
      id: this.#nextId(),
      modified: wholeSeconds(now),
      marker: false,
    };
    this.#add(version);
    return version;
  }

  /**
   * Without an id: adds a delete marker, or in a bucket that never was versioned removes the object. With an id:
   * removes that version for good. Nothing to remove is no error (S3).
   * @returns the version removed, or the marker added.
   */
  delete(key: string, id: string | undefined, now: number): Version | undefined {
    if (id === undefined && this.versioning !== undefined) {
      const marker: DeleteMarker = { key, id: this.#nextId(), modified: wholeSeconds(now), marker: true };
      this.#add(marker);
      return marker;
    }
    return this.#remove(key, id ?? NULL_VERSION);
  }

  isEmpty(): boolean {
    return this.#versions.size === 0;
  }

  /** The versions of each key, newest first; keys in UTF-8 binary order. */
  histories(prefix = ""): (readonly Version[])[] {
    const found = [...this.#versions].filter(([key]) => key.startsWith(prefix));
    return found.sort(([a], [b]) => inUtf8Order(a, b)).map(([, versions]) => versions);
  }

  versions(prefix = ""): Version[] {
    return this.histories(prefix).flat();
  }

  objects(prefix = ""): ObjectVersion[] {
    return this.histories(prefix).flatMap(([newest]) => (newest?.marker === false ? [newest] : []));
  }

  #nextId(): string {
    return this.versioning === "Enabled" ? randomBytes(24).toString("base64url") : NULL_VERSION;
  }

  #add(version: Version): void {
    if (version.id === NULL_VERSION) this.#remove(version.key, NULL_VERSION);
    const others = this.#versions.get(version.key) ?? [];
    this.#versions.set(version.key, [version, ...others]);
  }

  #remove(key: string, id: string): Version | undefined {
    const versions = this.#versions.get(key) ?? [];
    const left = versions.filter((v) => v.id !== id);
    if (left.length === 0) this.#versions.delete(key);
    else this.#versions.set(key, left);
    return versions.find((v) => v.id === id);
  }
}

export const inUtf8Order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const wholeSeconds = (ms: number): number => Math.floor(ms / 1000) * 1000;
