/**
 * Debian's signed index, as a layer carries it: per suite `<suite>.InRelease` and `<suite>.Packages.gz`. An InRelease
 * holds the SHA-256 of its Packages, and that holds the SHA-256 of each .deb (wiki.debian.org/DebianRepository/Format).
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, link, mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { EverspotError } from "../site/errors.ts";
import { run } from "../system/run.ts";

export type Codename = "bookworm" | "trixie";

/** What an instance installs from. The first and the last must be there, or a fix of a hole could be left out. */
export const suitesOf = (codename: Codename) =>
  [codename, `${codename}-updates`, `${codename}-security`] as const;
export const requiredSuites = (codename: Codename): string[] => [codename, `${codename}-security`];

export const releaseFile = (suite: string): string => `${suite}.InRelease`;
export const packagesFile = (suite: string): string => `${suite}.Packages.gz`;
/** Path of the Packages file inside a suite, for binaries of a processor. */
const packagesPath = (): string => `main/binary-${debianArch()}/Packages`;

/** Debian's name of this machine's processor. */
export const debianArch = (): string => (process.arch === "x64" ? "amd64" : process.arch);

/**
 * Puts what apt has of the suites into a folder, right after `apt-get update` has verified it, and before anything
 * asks for news again. @returns the suites. @throws EverspotError when one that is required is not there.
 */
export async function collectIndex(codename: Codename, folder: string): Promise<string[]> {
  const format = "$(CODENAME)\t$(METAKEY)\t$(FILENAME)";
  const listed = await run("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]);
  const found = new Map<string, string>();
  for (const line of listed.split("\n")) {
    const [suite = "", path, file] = line.split("\t");
    if (path === packagesPath() && file !== undefined && !found.has(suite)) found.set(suite, file);
  }
  const suites = suitesOf(codename).filter((suite) => found.has(suite));
  lacking(codename, suites, "apt on this machine has no index of");
  await mkdir(folder, { recursive: true });
  for (const suite of suites) {
    const file = found.get(suite) ?? "";
    const release = `${file.slice(0, file.lastIndexOf(packagesPath().replaceAll("/", "_")))}InRelease`;
    await keepAside(release, join(folder, releaseFile(suite)));
    await keepAside(file, plain(folder, suite));
  }
  return suites;
}

export function lacking(codename: Codename, suites: readonly string[], what: string): void {
  const missing = requiredSuites(codename).filter((suite) => !suites.includes(suite));
  if (missing.length > 0) throw new EverspotError(`${what} ${missing.join(" and ")}`);
}

const plain = (folder: string, suite: string): string => join(folder, `${suite}.Packages`);

/** apt replaces its files, it does not write into them. */
async function keepAside(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  await link(from, to).catch(() => copyFile(from, to));
}

/** Compresses what `collectIndex` left; not for the boot's way. Safe to repeat. @returns the names of the files. */
export async function packIndex(codename: Codename, folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const suite of suitesOf(codename)) {
    const file = plain(folder, suite);
    const packed = join(folder, packagesFile(suite));
    if (await isThere(file)) {
      await pipeline(createReadStream(file), createGzip({ level: 6 }), createWriteStream(packed));
      await rm(file);
    }
    if (await isThere(packed)) names.push(releaseFile(suite), packagesFile(suite));
  }
  return names;
}

const isThere = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** What an InRelease that apt has verified says. */
export interface Release {
  codename: string;
  /** When Debian made it, ISO 8601. */
  date: string;
  /** When it expires; undefined: never. */
  until: Date | undefined;
  /** SHA-256 of the uncompressed Packages. */
  packages: string;
}

/** @throws EverspotError when something is missing. */
export function parseRelease(text: string): Release {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.+)$`, "m").exec(text)?.[1];
  const path = packagesPath().replaceAll("/", "\\/");
  const packages = new RegExp(`^ ([0-9a-f]{64}) +\\d+ ${path}$`, "m").exec(text)?.[1];
  const until = field("Valid-Until");
  const date = new Date(field("Date") ?? Number.NaN);
  const codename = field("Codename");
  if (codename === undefined || packages === undefined || Number.isNaN(date.getTime())) {
    throw new EverspotError(`an index of Debian lacks its name, its date or ${packagesPath()}`);
  }
  return {
    ...{ codename, packages, date: date.toISOString() },
    until: until === undefined ? undefined : new Date(until),
  };
}

/** One entry of a Packages file. */
export interface Stanza {
  name: string;
  version: string;
  architecture: string;
  text: string;
}

/**
 * The entries of some packages, out of a compressed Packages file, and the SHA-256 of its whole content. It is read as
 * a stream: the whole has more than 50 MB. @throws EverspotError when it is too large to be Debian's.
 */
export async function readPackages(
  file: string,
  names: ReadonlySet<string>,
): Promise<{ sha256: string; stanzas: Stanza[] }> {
  const hash = createHash("sha256");
  const found: Stanza[] = [];
  let rest = "";
  let bytes = 0;
  const tooLarge = new EverspotError("a list of packages is larger than Debian's could be");
  const take = (text: string): void => {
    // "Package" is the first field of every entry.
    const name = /^Package: (\S+)\n/.exec(text)?.[1];
    if (name === undefined || !names.has(name)) return;
    const field = (of: string): string => new RegExp(`^${of}: (\\S+)$`, "m").exec(text)?.[1] ?? "";
    found.push({ name, version: field("Version"), architecture: field("Architecture"), text });
  };
  await pipeline(
    createReadStream(file, { highWaterMark: CHUNK }),
    createGunzip({ chunkSize: CHUNK }),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) {
        hash.update(chunk);
        bytes += chunk.length;
        if (bytes > MOST_BYTES || rest.length > MOST_OF_ENTRY) throw tooLarge;
        const text = rest + chunk.toString("latin1");
        let from = 0;
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n", from)) {
          if (names.has(text.slice(from + PACKAGE.length, text.indexOf("\n", from))))
            take(text.slice(from, end));
          from = end + 2;
        }
        rest = text.slice(from);
      }
    },
  ).catch((error: unknown) => {
    // The streams before it may report their end first.
    throw bytes > MOST_BYTES || rest.length > MOST_OF_ENTRY ? tooLarge : error;
  });
  take(rest.trimEnd());
  return { sha256: hash.digest("hex"), stanzas: found };
}

/** Bytes; larger ones cost more of the kernel's time than they save. */
const CHUNK = 1 << 16;
const PACKAGE = "Package: ";

/** Nothing has been verified when it is read. Debian 13's whole list has 57 MB, its longest entry 76 kB. */
const MOST_BYTES = 300_000_000;
const MOST_OF_ENTRY = 1_000_000;

export const readRelease = async (file: string): Promise<Release> =>
  parseRelease(await readFile(file, "utf8"));
