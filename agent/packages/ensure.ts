import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readDocument } from "../site/document.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import {
  type IndexDates,
  type LayerVersion,
  type PackageLayer,
  packageFloorDocument,
  packageLayerDocument,
  packageLayerKey,
  type Wanted,
} from "../site/layers.ts";
import { readIfThere, writeAtomic } from "../system/files.ts";
import type { CheckedLayer } from "./check.ts";
import { fetchVersion, saveLayer } from "./layer.ts";
import { claimTrial, dropCandidate, promoteCandidate, type Renewal, renewLayer } from "./renewal.ts";

export interface PackageSource extends Renewal {
  /** Folder that tells which layers are installed, on the disk. */
  marks: string;
  /** Whether the disk is a copy of another machine's: its packages may be older than the layers are now. */
  inherited: boolean;
  /** Whether another machine goes on serving if this one does not come up, so that it may try what is new. */
  trial(): Promise<boolean>;
}

export interface Ensured {
  from: "present" | "layer" | "mirror";
  /** What was installed. */
  packages: string[];
  /** What a person should know, e.g. why the layer was not used though there was one. */
  problem: string | undefined;
  /** How old the index is by which a layer was believed, for a person. */
  index?: string;
}

/** What a process knows of the machine's packages that is not on the disk. */
export interface PackagesMemory {
  used: [key: string, wanted: Wanted][];
  fresh: { key: string; place: string; files: string[] }[];
}

const present: Ensured = { from: "present", packages: [], problem: undefined };

/** Installs what is missing, from the bucket's layer if there is one, else from a mirror. */
export class Packages {
  readonly #source: PackageSource;
  /** dpkg runs one at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #keeping: Promise<void> = Promise.resolve();
  /** What came from a mirror and is not kept yet. */
  readonly #fresh: PackagesMemory["fresh"] = [];
  /** The packages of this machine, to be kept up to date while it has the site. */
  readonly #used = new Map<string, Wanted>();

  constructor(source: PackageSource) {
    this.#source = source;
  }

  /** To go on in another process, as nothing is under way. */
  get memory(): PackagesMemory {
    return { used: [...this.#used], fresh: [...this.#fresh] };
  }

  resume({ used, fresh }: PackagesMemory): void {
    for (const [key, wanted] of used) this.#used.set(key, wanted);
    this.#fresh.push(...fresh);
  }

  /**
   * @param passing what is needed for one task, not for what the machine is: it is not renewed.
   * @throws EverspotError when neither works.
   */
  async ensure(wanted: Wanted, signal?: AbortSignal, passing = false): Promise<Ensured> {
    const { debian, image, arch, inherited } = this.#source;
    const names = [...wanted.lean, ...(wanted.full ?? [])];
    const key = packageLayerKey(image, arch, wanted);
    const known = this.#used.has(key);
    if (!passing) this.#used.set(key, wanted);
    // A caller that needs nothing does not wait for others.
    if ((await debian.missing(names)).length === 0 && (!inherited || passing || known)) return present;
    return this.#inTurn(() => this.#install(wanted, key, names, signal));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #install(
    wanted: Wanted,
    key: string,
    names: readonly string[],
    signal?: AbortSignal,
  ): Promise<Ensured> {
    const { debian, folder, inherited } = this.#source;
    const missing = await debian.missing(names);
    if (missing.length === 0 && !inherited) return present;

    const place = join(folder, key);
    await rm(place, { recursive: true, force: true });
    const problems: string[] = [];
    const installed = await this.#fromLayer(
      { key, place, names, complete: missing.length === 0, problems },
      signal,
    );
    const problem = problems.length === 0 ? undefined : problems.join("; ");
    if (installed !== undefined) {
      const packages = missing.length === 0 ? [...names] : missing;
      return { from: "layer", packages, problem, index: ageOf(installed) };
    }
    if (missing.length === 0) return { ...present, problem };
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
  keep(): Promise<void> {
    this.#keeping = this.#keeping.catch(() => undefined).then(() => this.#keepFresh());
    return this.#keeping;
  }

  async #keepFresh(): Promise<void> {
    for (let fresh = this.#fresh[0]; fresh !== undefined; fresh = this.#fresh[0]) {
      const { key, place, files } = fresh;
      const { store, debian, instance: by } = this.#source;
      const index = await debian.pack(place, files).catch(async (error: unknown) => {
        // Another try would find the same; what else there is must not wait for it.
        this.#fresh.shift();
        await rm(place, { recursive: true, force: true });
        throw error;
      });
      const saved = await saveLayer(store, key, { folder: place, debs: files, index, by });
      await this.#mark(key, saved.sha256);
      await rm(fresh.place, { recursive: true, force: true });
      this.#fresh.shift();
    }
  }

  /**
   * From the candidate if this machine is to try it, else from what is current; `problems` says why not.
   * `complete`: all is installed, perhaps as it once was. @returns by what it was believed; undefined when
   * nothing was installed.
   */
  async #fromLayer(
    what: { key: string; place: string; names: readonly string[]; complete: boolean; problems: string[] },
    signal?: AbortSignal,
  ): Promise<CheckedLayer | undefined> {
    const { key, place, names, complete, problems } = what;
    const { store, marks } = this.#source;
    const install = async (version: LayerVersion, since: IndexDates): Promise<CheckedLayer | undefined> => {
      try {
        return await this.#installVersion(key, version, since, place, names, signal);
      } catch (error) {
        signal?.throwIfAborted();
        problems.push(`layer not used: ${messageOf(error)}`);
        return undefined;
      } finally {
        await rm(place, { recursive: true, force: true });
      }
    };
    try {
      const floor = this.#floor(key, problems);
      const { value: layer } = await readDocument(store, packageLayerDocument(key));
      const since = await floor;
      if (layer === undefined) return undefined;
      const candidate = await this.#toTry(key, layer);
      if (candidate !== undefined) {
        const installed = await install(candidate, since);
        if (installed !== undefined) return installed;
        await dropCandidate(store, key, candidate.sha256);
      }
      if (complete && (await readIfThere(join(marks, key))) === layer.current.sha256) return undefined;
      return await install(layer.current, since);
    } catch (error) {
      signal?.throwIfAborted();
      problems.push(`layer not used: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** No instance can write it, so an intruder on one cannot be the reason why it cannot be read. */
  #floor(key: string, problems: string[]): Promise<IndexDates> {
    return readDocument(this.#source.store, packageFloorDocument).then(
      ({ value }) => value?.since[key] ?? {},
      (error: unknown) => {
        problems.push(`how old its packages may be is not known: ${messageOf(error)}`);
        return {};
      },
    );
  }

  async #toTry(key: string, { candidate }: PackageLayer): Promise<LayerVersion | undefined> {
    const { store, instance, clock, trial } = this.#source;
    if (candidate === undefined || !(await trial())) return undefined;
    return (await claimTrial(store, key, candidate.sha256, instance, clock.now())) ? candidate : undefined;
  }

  async #installVersion(
    key: string,
    version: LayerVersion,
    since: IndexDates,
    place: string,
    names: readonly string[],
    signal?: AbortSignal,
  ): Promise<CheckedLayer> {
    const { store, debian } = this.#source;
    await fetchVersion(store, version, place);
    const checked = await debian.check(place, version.files, since, signal);
    await debian.install(checked.folder, version.files, signal);
    await this.#check(names);
    await this.#mark(key, version.sha256);
    return checked;
  }

  /** Kept in an image that is made of this machine. */
  async #mark(key: string, sha256: string): Promise<void> {
    await mkdir(this.#source.marks, { recursive: true });
    await writeAtomic(join(this.#source.marks, key), sha256, 0o644);
  }

  /** This machine has the site: the candidates it was made of are good. @returns how many became current. */
  async prove(): Promise<number> {
    const { store, marks, instance } = this.#source;
    let promoted = 0;
    for (const key of this.#used.keys()) {
      const installed = await readIfThere(join(marks, key));
      if (installed !== undefined && (await promoteCandidate(store, key, installed, instance))) promoted += 1;
    }
    return promoted;
  }

  /** Looks for security updates of what this machine was made of. @returns them, for a person; see renewal.ts. */
  async renew(signal?: AbortSignal): Promise<string[]> {
    const found: string[] = [];
    if (await this.#source.trial()) return found;
    for (const wanted of this.#used.values()) {
      found.push(...(await this.#inTurn(() => renewLayer(this.#source, wanted, signal))));
    }
    return found;
  }

  async #check(names: readonly string[]): Promise<void> {
    const missing = await this.#source.debian.missing(names);
    if (missing.length > 0) throw new EverspotError(`still not installed: ${missing.join(", ")}`);
  }
}

/** The day of the newest of its suites, and the day on which the first of them expired. */
function ageOf({ index, expired }: CheckedLayer): string {
  const day = (time: string): string => time.slice(0, 10);
  const newest = Object.values(index).sort().at(-1) ?? "";
  const late = expired.map(({ until }) => until.toISOString()).sort()[0];
  return `by Debian's index of ${day(newest)}${late === undefined ? "" : `, which expired on ${day(late)}`}`;
}
