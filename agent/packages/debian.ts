import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import type { IndexDates, Wanted } from "../site/layers.ts";
import { run } from "../system/run.ts";
import { compiledOnce } from "./bytecode.ts";
import { type CheckedLayer, checkLayer } from "./check.ts";
import { type Codename, collectIndex, packIndex } from "./debian-index.ts";
import { inTurn } from "./locks.ts";

/** Debian's tools, as far as the agent needs them. Only one call at a time may download or install. */
export interface Debian {
  /** Those of `names` that are not installed. */
  missing(names: readonly string[]): Promise<string[]>;
  /**
   * Brings every .deb file that has to be added to the machine's image so that these packages are installed into
   * a folder, those that were installed since among them, and the signed index that vouches for them; needs a mirror.
   * @returns names of the .deb files.
   */
  download(wanted: Wanted, folder: string, signal?: AbortSignal): Promise<string[]>;
  /**
   * What `download` would bring as the mirror is now, after asking it for news; downloads and changes nothing.
   */
  offers(wanted: Wanted, signal?: AbortSignal): Promise<Offer[]>;
  /**
   * Makes the index that `download` left ready to be kept, and checks it as the next machine will. Takes a second.
   * @returns the index's files and dates.
   */
  pack(
    folder: string,
    files: readonly string[],
    signal?: AbortSignal,
  ): Promise<{ files: string[]; dates: IndexDates }>;
  /**
   * Holds the .deb files of a layer against the signed index in its folder.
   * @param since what the index may not be older than, by suite.
   * @returns where the files are that Debian vouches for. @throws EverspotError when it does not for all of them.
   */
  check(
    folder: string,
    files: readonly string[],
    since: IndexDates,
    signal?: AbortSignal,
  ): Promise<CheckedLayer>;
  /** Installs these files of a folder, but for those that are installed, or newer ones; starts no service. */
  install(folder: string, files: readonly string[], signal?: AbortSignal): Promise<void>;
}

/** A package as a mirror has it now. */
export interface Offer {
  name: string;
  version: string;
  /** Whether it comes from Debian's security updates. */
  security: boolean;
}

const SECONDS = 600;
const ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", APT_LISTCHANGES_FRONTEND: "none" };
const POLICY = "/usr/sbin/policy-rc.d";
const STATUS = "/var/lib/dpkg/status";

export interface DebianOptions {
  /** Where to keep what was installed before the first call: the image's own packages. */
  imageStatus: string;
  codename: Codename;
  /** The keys that the image came with (Debian's package debian-archive-keyring). */
  keyring?: string;
}

/** Debian's image has its sources in its list, too: 10 MB that no machine here builds from, and a second of processor. */
export const LEAN_INDEX = [
  ...["-o", "Acquire::Languages=none"],
  ...["-o", "Acquire::IndexTargets::deb-src::Sources::DefaultEnabled=false"],
];

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

export function createDebian({ imageStatus, codename, keyring = KEYRING }: DebianOptions): Debian {
  let updated = false;

  const apt = (args: readonly string[], signal?: AbortSignal) =>
    inTurn(
      () =>
        run("apt-get", ["-q", "-y", "-o", "Acquire::Retries=3", ...args], {
          env: ENVIRONMENT,
          seconds: SECONDS,
          hint: "the package mirror must be reachable the first time a machine image is used",
          signal,
        }),
      signal,
    );

  const againstImage = (names: readonly string[], recommends: boolean): string[] => [
    ...["-o", `Dir::State::status=${imageStatus}`],
    ...[recommends ? "--install-recommends" : "--no-install-recommends", "install", ...names],
  ];

  const update = async (signal?: AbortSignal): Promise<void> => {
    await apt([...LEAN_INDEX, "update"], signal);
    updated = true;
  };

  const check: Debian["check"] = async (folder, files, since, signal) => {
    await rememberImage(imageStatus);
    const layer = { folder, files, codename, keyring, since, status: imageStatus, now: Date.now() };
    return checkLayer(layer, signal);
  };

  return {
    async missing(names) {
      const there = await installed(names);
      return names.filter((name) => !there.has(name));
    },

    async download(wanted, folder, signal) {
      await rememberImage(imageStatus);
      await mkdir(join(folder, "partial"), { recursive: true });
      if (!updated) await update(signal);
      const keep = ["-o", `Dir::Cache::archives=${folder}`, "-o", "APT::Keep-Downloaded-Packages=true"];
      const fetch = (names: readonly string[], recommends: boolean) =>
        apt([...keep, "--download-only", ...againstImage(names, recommends)], signal);
      await fetch(wanted.lean, false);
      if (wanted.full?.length) await fetch(wanted.full, true);
      await collectIndex(codename, folder);
      return (await readdir(folder)).filter((name) => name.endsWith(".deb")).sort();
    },

    async offers(wanted, signal) {
      await rememberImage(imageStatus);
      await update(signal);
      const lean = await apt(["--simulate", ...againstImage(wanted.lean, false)], signal);
      const full = wanted.full?.length
        ? await apt(["--simulate", ...againstImage(wanted.full, true)], signal)
        : "";
      return parseOffers(`${lean}\n${full}`);
    },

    async pack(folder, files, signal) {
      const index = await packIndex(codename, folder);
      const { index: dates } = await check(folder, files, {}, signal);
      return { files: index, dates };
    },

    check,

    async install(folder, files, signal) {
      await rememberImage(imageStatus);
      const there = await installed([]);
      const paths = files.filter((file) => !isInstalled(file, there)).map((file) => join(folder, file));
      if (paths.length === 0) return;
      await withoutServices(() =>
        compiledOnce(async (PATH) => {
          // A package that pre-depends on another one of these may need a second round.
          await dpkg(paths, { PATH }, signal).catch(() => dpkg(paths, { PATH }, signal));
        }),
      );
      // New units systemd finds by itself.
      const replaced = paths.some((file) => there.has(packageOf(basename(file)).name));
      if (replaced) await run("systemctl", ["daemon-reload"]);
    },
  };
}

/**
 * Lines like `Inst nginx [old] (1.26.3-3+deb13u1 Debian-Security:13/stable-security [amd64])`: apt names every
 * source that has this version.
 */
export function parseOffers(simulated: string): Offer[] {
  const found = simulated.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) (.*?)(?: \[[^\]]*\])?\)/gm);
  return [...found].map(([, name = "", version = "", sources = ""]) => ({
    ...{ name, version },
    security: /security/i.test(sources),
  }));
}

/** Version by name; all packages when `names` is empty. */
async function installed(names: readonly string[]): Promise<Map<string, string>> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in.
  const format = "${Package} ${Version} ${db:Status-Abbrev}\n";
  const { stdout } = await execa("dpkg-query", ["-W", "-f", format, ...names], { reject: false });
  return new Map(
    stdout.split("\n").flatMap((line) => {
      const [name = "", version = "", status] = line.split(" ");
      return status === "ii" ? [[name, version] as const] : [];
    }),
  );
}

function isInstalled(file: string, there: ReadonlyMap<string, string>): boolean {
  const { name, version } = packageOf(file);
  return there.get(name) === version;
}

/** apt names files `<package>_<version>_<architecture>.deb`, with "%3a" for the colon of an epoch. */
export function packageOf(file: string): { name: string; version: string } {
  const [name = "", version = ""] = file.split("_");
  return { name, version: decodeURIComponent(version) };
}

async function rememberImage(file: string): Promise<void> {
  const known = await stat(file).then(
    () => true,
    () => false,
  );
  if (known) return;
  await mkdir(dirname(file), { recursive: true });
  await copyFile(STATUS, `${file}.next`);
  await rename(`${file}.next`, file);
}

/** systemctl changes files only and leaves systemd alone, as in a chroot (systemd's docs/ENVIRONMENT.md). */
const OFFLINE = { SYSTEMD_OFFLINE: "1" };

/**
 * Debian starts services on install, and its `certbot.timer` would renew beside the agent. Nor does systemd read all
 * its files again for each package (0.2 s of a small machine's time).
 */
async function withoutServices(install: () => Promise<void>): Promise<void> {
  await run("systemctl", ["mask", "--quiet", "certbot.timer", "certbot.service"], { env: OFFLINE });
  await writeFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await install();
  } finally {
    await rm(POLICY, { force: true });
  }
}

async function dpkg(
  paths: readonly string[],
  env: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<void> {
  // It is not cut off: half-installed packages are worse than a late end. After a crash the next boot repairs them, so
  // dpkg need not wait for the disk after each file.
  const how = ["--force-confold", "--force-unsafe-io", "--refuse-downgrade", "--install"];
  const options = { env: { ...ENVIRONMENT, ...OFFLINE, ...env }, seconds: SECONDS };
  await inTurn(() => run("dpkg", [...how, ...paths], options), signal);
}
