import { rm } from "node:fs/promises";
import { join } from "node:path";
import { EverspotError, messageOf } from "../site/errors.ts";
import { packageLayerKey, type Wanted } from "../site/layers.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Debian } from "./debian.ts";
import { fetchLayer, saveLayer } from "./layer.ts";

export interface PackageSource {
  debian: Debian;
  store: ObjectStore;
  /** Machine image and processor: what a layer fits. */
  image: string;
  arch: string;
  instance: string;
  /** Folder for archives, on the disk. */
  folder: string;
}

export interface Ensured {
  from: "present" | "layer" | "mirror";
  /** What was installed. */
  packages: string[];
  /** Why the layer was not used though there was one. */
  problem: string | undefined;
}

const present: Ensured = { from: "present", packages: [], problem: undefined };

/** Installs what is missing, from the bucket's layer if there is one, else from a mirror. */
export class Packages {
  readonly #source: PackageSource;
  /** dpkg is one at a time. */
  #last: Promise<unknown> = Promise.resolve();
  /** What came from a mirror and is not kept yet. */
  readonly #fresh: { key: string; place: string; files: string[] }[] = [];

  constructor(source: PackageSource) {
    this.#source = source;
  }

  /** @throws EverspotError when neither works. */
  async ensure(wanted: Wanted, signal?: AbortSignal): Promise<Ensured> {
    const names = [...wanted.lean, ...(wanted.full ?? [])];
    // Who needs nothing does not wait for others.
    if ((await this.#source.debian.missing(names)).length === 0) return present;
    const next = this.#last.then(() => this.#install(wanted, names, signal));
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #install(wanted: Wanted, names: readonly string[], signal?: AbortSignal): Promise<Ensured> {
    const { debian, folder, image, arch } = this.#source;
    const missing = await debian.missing(names);
    if (missing.length === 0) return present;

    const key = packageLayerKey(image, arch, wanted);
    const place = join(folder, key);
    await rm(place, { recursive: true, force: true });
    const tidy = () => rm(place, { recursive: true, force: true });
    let problem: string | undefined;
    try {
      if (await this.#fromLayer(key, place, names, signal)) {
        await tidy();
        return { from: "layer", packages: missing, problem };
      }
    } catch (error) {
      signal?.throwIfAborted();
      problem = messageOf(error);
      await tidy();
    }
    const files = await debian.download(wanted, place, signal);
    await debian.install(place, files, signal);
    await this.#check(names);
    this.#fresh.push({ key, place, files });
    return { from: "mirror", packages: missing, problem };
  }

  /**
   * Keeps what came from a mirror for the next machine, and tidies up. Not for the boot's way. What cannot be kept
   * now is kept by the next call.
   */
  async keep(): Promise<void> {
    for (let fresh = this.#fresh[0]; fresh !== undefined; fresh = this.#fresh[0]) {
      const { key, place, files } = fresh;
      await saveLayer(this.#source.store, "packages", key, place, files, this.#source.instance);
      await rm(fresh.place, { recursive: true, force: true });
      this.#fresh.shift();
    }
  }

  async #fromLayer(key: string, place: string, names: readonly string[], signal?: AbortSignal) {
    const files = await fetchLayer(this.#source.store, "packages", key, place);
    if (files === undefined) return false;
    await this.#source.debian.install(place, files, signal);
    await this.#check(names);
    return true;
  }

  async #check(names: readonly string[]): Promise<void> {
    const missing = await this.#source.debian.missing(names);
    if (missing.length > 0) throw new EverspotError(`still not installed: ${missing.join(", ")}`);
  }
}
