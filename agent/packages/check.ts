/**
 * Whether Debian vouches for what a layer holds. An earlier machine wrote the layer, and someone else may have
 * controlled it by then: nothing in it is believed except what Debian has signed.
 *
 * apt verifies the InRelease files against the image's own keyring (sqv on Debian 13, gpgv on 12). Their SHA-256 of the
 * Packages files is compared here, because apt would need 2 s of processor time for all of Debian's 69,000 packages.
 * The entries of the layer's packages then make a small repository, from which apt takes the .debs: only what has the
 * SHA-256 of the entry, and only the newest version that the index knows.
 */
import { link, lstat, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EverspotError, messageOf } from "../site/errors.ts";
import type { IndexDates } from "../site/layers.ts";
import { run } from "../system/run.ts";
import {
  type Codename,
  lacking,
  packagesFile,
  type Release,
  readPackages,
  readRelease,
  releaseFile,
  type Stanza,
  suitesOf,
} from "./debian-index.ts";

export interface LayerToCheck {
  /** Holds the .debs and the index; what is made for the check goes below it. */
  folder: string;
  /** The .debs, as apt names them. */
  files: readonly string[];
  codename: Codename;
  /** Debian's keys, of the image. */
  keyring: string;
  /** dpkg's status file of the image alone: all of the layer is new to it. */
  status: string;
  /** No index may be older than this, and none of these may be left out. */
  since: IndexDates;
  /** Milliseconds since the epoch. */
  now: number;
}

export interface CheckedLayer {
  /** Holds the .debs that apt has verified, and nothing else. */
  folder: string;
  index: IndexDates;
  /** Suites whose index has expired (Valid-Until), and since when. */
  expired: { suite: string; until: Date }[];
}

const SECONDS = 60;
/** How many of apt's complaints one message quotes; all of them are in its lines. */
const TOLD = 2;

/** @throws EverspotError when Debian vouches for less than all of it. */
export async function checkLayer(layer: LayerToCheck, signal?: AbortSignal): Promise<CheckedLayer> {
  const room = join(layer.folder, "check");
  await rm(room, { recursive: true, force: true });
  for (const name of ["lists/partial", "archives/partial", "signed/dists", "few"])
    await mkdir(join(room, name), { recursive: true });
  const suites = await suitesIn(layer);
  const names = new Set(layer.files.map((file) => nameOf(file)));
  const [releases, lists] = await Promise.all([
    verified(layer, room, suites, signal),
    Promise.all(suites.map((suite) => readPackages(join(layer.folder, packagesFile(suite)), names))),
  ]);
  const stanzas: Stanza[] = [];
  for (const [i, suite] of suites.entries()) {
    const list = lists[i];
    if (list === undefined || list.sha256 !== releases.get(suite)?.packages) {
      throw new EverspotError(`the layer's list of ${suite} is not the one that Debian signed`);
    }
    stanzas.push(...list.stanzas);
  }
  await offer(layer, room, stanzas);
  await takeFrom(layer, room, [...names], signal);
  return {
    folder: join(room, "archives"),
    index: Object.fromEntries([...releases].map(([suite, { date }]) => [suite, date])),
    expired: [...releases].flatMap(([suite, { until }]) =>
      until !== undefined && until.getTime() < layer.now ? [{ suite, until }] : [],
    ),
  };
}

const nameOf = (file: string): string => file.split("_")[0] ?? "";

/** Plain files only: a link or a device would be read as root. */
async function suitesIn({ folder, files, codename }: LayerToCheck): Promise<string[]> {
  const there = new Set(await readdir(folder));
  const suites = suitesOf(codename).filter((suite) => there.has(releaseFile(suite)));
  lacking(codename, suites, "the layer has no signed index of");
  for (const name of [...files, ...suites.flatMap((suite) => [releaseFile(suite), packagesFile(suite)])]) {
    const found = await lstat(join(folder, name)).catch(() => undefined);
    if (found?.isFile() !== true) throw new EverspotError(`the layer's ${name} is not a file`);
  }
  return suites;
}

/** Has apt verify the InRelease files, and nothing else. @returns what they say, by suite. */
async function verified(
  layer: LayerToCheck,
  room: string,
  suites: readonly string[],
  signal?: AbortSignal,
): Promise<Map<string, Release>> {
  const lines: string[] = [];
  for (const suite of suites) {
    const from = join(layer.folder, releaseFile(suite));
    await mkdir(join(room, "signed/dists", suite));
    await link(from, join(room, "signed/dists", suite, "InRelease"));
    const { until } = await readRelease(from);
    // A replacement may come long after its layer was made; how old an index may be is decided below.
    const late = until !== undefined && until.getTime() < layer.now ? " check-valid-until=no" : "";
    lines.push(`deb [signed-by=${layer.keyring}${late}] copy:${join(room, "signed")} ${suite} main\n`);
  }
  const noLists = ["-o", "Acquire::IndexTargets::deb::Packages::DefaultEnabled=false"];
  await update(room, "signed", lines, noLists, signal).catch((cause: unknown) =>
    refuse("apt does not take the layer's index for Debian's", cause),
  );
  const lists = await readdir(join(room, "lists"));
  const releases = new Map<string, Release>();
  for (const suite of suites) {
    const name = lists.find((list) => list.endsWith(`_dists_${suite}_InRelease`));
    if (name === undefined)
      throw new EverspotError(`apt does not take the layer's index of ${suite} for Debian's`);
    const release = await readRelease(join(room, "lists", name));
    if (release.codename !== suite) {
      throw new EverspotError(`the layer has Debian's index of ${release.codename} in place of ${suite}'s`);
    }
    releases.set(suite, release);
  }
  for (const [suite, since] of Object.entries(layer.since)) {
    const date = releases.get(suite)?.date;
    if (date === undefined || Date.parse(date) < Date.parse(since)) {
      throw new EverspotError(
        `the layer is older than what this site had already: Debian's index of ${suite} is ${date ?? "not there"}, and was of ${since}`,
      );
    }
  }
  return releases;
}

/** A repository of the layer's packages alone, with what Debian's index says of them. */
async function offer(
  { folder, files }: LayerToCheck,
  room: string,
  stanzas: readonly Stanza[],
): Promise<void> {
  const left = new Map(files.map((file, i) => [file, `${i}.deb`]));
  const found = new Set<string>();
  const entries = stanzas.map(({ name, version, architecture, text }) => {
    const file = files.find((one) => {
      const [, of = "", arch] = one.split("_");
      return nameOf(one) === name && decodeURIComponent(of) === version && arch === `${architecture}.deb`;
    });
    const short = file === undefined ? undefined : left.get(file);
    if (file !== undefined) found.add(file);
    // What the layer lacks is to be missed by apt if it is newer.
    return text.replace(/^Filename: .*$/m, `Filename: ./${short ?? "not-in-the-layer.deb"}`);
  });
  const foreign = files.filter((file) => !found.has(file));
  if (foreign.length > 0) throw new EverspotError(`not in Debian's index: ${foreign.join(", ")}`);
  for (const [file, short] of left) await link(join(folder, file), join(room, "few", short));
  await writeFile(join(room, "few/Packages"), `${entries.join("\n\n")}\n`, "latin1");
}

async function takeFrom(
  { files, status }: LayerToCheck,
  room: string,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  // Every entry in it is Debian's.
  const line = `deb [trusted=yes] copy:${join(room, "few")} ./\n`;
  try {
    await update(room, "few", [line], [], signal);
    const how = ["--download-only", "--no-remove", "--no-install-recommends"];
    const keep = ["-o", `Dir::State::status=${status}`, "-o", "APT::Keep-Downloaded-Packages=true"];
    await apt(room, "few", [...keep, ...how, "install", ...names], signal);
  } catch (cause) {
    refuse("apt does not take the layer's packages for Debian's newest", cause);
  }
  const taken = (await readdir(join(room, "archives"))).filter((name) => name.endsWith(".deb"));
  const missing = files.filter((file) => !taken.includes(file));
  if (missing.length > 0) throw new EverspotError(`not what Debian's index has: ${missing.join(", ")}`);
}

function refuse(message: string, cause: unknown): never {
  const lines = cause instanceof EverspotError ? cause.lines : [];
  const said = lines.filter((line) => /^[EW]: /.test(line)).map((line) => line.slice(3));
  const some = said.length > TOLD ? [...said.slice(0, TOLD), `and ${said.length - TOLD} more`] : said;
  throw new EverspotError(`${message}: ${some.join("; ") || messageOf(cause)}`, { lines, cause });
}

async function update(
  room: string,
  sources: string,
  lines: readonly string[],
  more: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  await writeFile(join(room, `${sources}.list`), lines.join(""));
  await apt(
    room,
    sources,
    ["-o", "pkgCacheFile::Generate=false", ...more, "--error-on=any", "update"],
    signal,
  );
}

/** apt with places of its own: it neither sees nor changes the machine's lists. */
const apt = (room: string, sources: string, args: readonly string[], signal?: AbortSignal): Promise<string> =>
  run(
    "apt-get",
    [
      // It changes nothing another apt could need, so neither dpkg nor the agent's other work is in the way.
      ...["-q", "-y", "-o", "Debug::NoLocking=true", "-o", `Dir::State::lists=${join(room, "lists")}`],
      ...["-o", `Dir::Cache::archives=${join(room, "archives")}`],
      ...["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="],
      ...["-o", `Dir::Etc::sourcelist=${join(room, `${sources}.list`)}`, "-o", "Dir::Etc::sourceparts=-"],
      ...["-o", "Acquire::Languages=none", ...args],
    ],
    { seconds: SECONDS, signal },
  );
