import { createHash } from "node:crypto";

export const suites = { "debian-13": "trixie", "debian-12": "bookworm" } as const;
export type Os = keyof typeof suites;

/**
 * What Debian's own cloud image has and an instance may rely on; nothing that everspot installs itself.
 * Left out though the cloud image has it: kernel and boot loader (a container needs none), sshd (instances
 * share one network here), manual pages and locales (time).
 */
const packages = [
  ["systemd", "systemd-sysv", "dbus", "cloud-init", "sudo", "unattended-upgrades"],
  ["ca-certificates", "curl", "python3", "xz-utils", "less", "procps", "tzdata", "adduser"],
  ["iproute2", "iputils-ping", "netbase"],
].flat();

/** Useless in a container, or (apt's timers) a race for dpkg's lock at a random moment of every test. */
const masked = [
  ["apt-daily.timer", "apt-daily-upgrade.timer", "unattended-upgrades.service", "dpkg-db-backup.timer"],
  ["console-getty.service", "getty@tty1.service", "systemd-logind.service", "systemd-pstore.service"],
  ["fstrim.timer", "cloud-init-hotplugd.socket", "systemd-networkd-wait-online.service"],
  [
    "dev-hugepages.mount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
  ],
].flat();

/** Everything that decides what the image is like. Mirrors are not part of it: all carry the same packages. */
export interface Recipe {
  suite: string;
  packages: readonly string[];
  masked: readonly string[];
  /** What apt installs from, by file below /etc/apt; "(main)" and "(security)" stand for a mirror. */
  sources: Readonly<Record<string, string>>;
}

export const recipe = (os: Os): Recipe => ({
  suite: suites[os],
  packages,
  masked,
  sources: sources(suites[os]),
});

/** As in Debian's cloud images: lists of mirrors, source packages, and backports, which apt takes nothing from unasked. */
const sources = (suite: string): Recipe["sources"] => ({
  "sources.list": "# See /etc/apt/sources.list.d/debian.sources\n",
  "sources.list.d/debian.sources": `Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian.list
Suites: ${suite} ${suite}-updates ${suite}-backports
Components: main

Types: deb deb-src
URIs: mirror+file:///etc/apt/mirrors/debian-security.list
Suites: ${suite}-security
Components: main
`,
  "mirrors/debian.list": "(main)\n",
  "mirrors/debian-security.list": "(security)\n",
});

/** The proxy fetches by https itself where this machine's sources say so. */
const plain = (url: string): string => url.replace(/^https:/, "http:");

/** The same with this machine's mirrors. */
export const sourcesFrom = (of: Recipe, mirror: { main: string; security: string }): Record<string, string> =>
  Object.fromEntries(
    Object.entries(of.sources).map(([file, text]) => [
      file,
      text.replace("(main)", plain(mirror.main)).replace("(security)", plain(mirror.security)),
    ]),
  );

/** Names the image in the cache: another recipe is another image. */
export function recipeKey(of: Recipe): string {
  return `${of.suite}-${createHash("sha256").update(JSON.stringify(of)).digest("hex").slice(0, 12)}`;
}

/** Arguments of mmdebstrap(1). */
export function bootstrapArguments(
  of: Recipe,
  mirror: { main: string; security: string; proxy: string; settings: Readonly<Record<string, string>> },
  directory: string,
): string[] {
  return [
    "--variant=apt",
    "--format=directory",
    `--include=${of.packages.join(",")}`,
    `--aptopt=Acquire::http::Proxy "${mirror.proxy}"`,
    ...Object.entries(mirror.settings).map(([name, value]) => `--aptopt=${name} "${value}"`),
    "--dpkgopt=path-exclude=/usr/share/man/*",
    of.suite,
    directory,
    `deb ${plain(mirror.main)} ${of.suite} main`,
    `deb ${plain(mirror.main)} ${of.suite}-updates main`,
    `deb ${plain(mirror.security)} ${of.suite}-security main`,
  ];
}
