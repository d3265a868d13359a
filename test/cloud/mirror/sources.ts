import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";

/** Where this machine gets its Debian packages from, and how it gets there. */
export interface Sources {
  /** Base URLs, without a trailing slash, e.g. "http://mirror.example/debian". */
  main: string;
  security: string;
  /** apt's proxy for a scheme, e.g. "http://10.0.0.1:3128". */
  proxy: { http: string | undefined; https: string | undefined };
  /** Settings of apt that an image with the same mirror needs too, e.g. for a mirror that is a snapshot. */
  settings: Readonly<Record<string, string>>;
}

/**
 * Reads apt's sources and settings. A machine without a source for security updates gets them from beside the others.
 * @throws EverspotError when apt has no source of Debian packages.
 */
export async function machineSources(etc = "/etc", env = process.env): Promise<Sources> {
  const [archives, settings] = await Promise.all([readArchives(etc), aptSettings()]);
  const debian = (suite: RegExp) =>
    archives.find((a) => /^https?:/.test(a.uri) && /debian/.test(a.uri) && suite.test(a.suite))?.uri;
  const codenames = /^(bookworm|trixie|stable|oldstable)$/;
  const kept = ["Acquire::Check-Valid-Until", "Acquire::Check-Date"];
  const main = debian(codenames);
  if (main === undefined) {
    throw new EverspotError("apt on this machine has no source of Debian packages", {
      resource: path.join(etc, "apt"),
      hint: "add a Debian mirror to sources.list; the instances' packages come from it too",
    });
  }
  return {
    main,
    security: debian(/-security$/) ?? main.replace(/debian$/, "debian-security"),
    proxy: proxies(settings, env),
    settings: Object.fromEntries(Object.entries(settings).filter(([name]) => kept.includes(name))),
  };
}

/** apt.conf(5): Acquire::<scheme>::Proxy overrides the environment; "DIRECT" is no proxy. */
export function proxies(
  settings: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv,
): Sources["proxy"] {
  const of = (scheme: "http" | "https") => {
    const value = settings[`Acquire::${scheme}::Proxy`] || env[`${scheme}_proxy`] || "DIRECT";
    return value === "DIRECT" ? undefined : value;
  };
  return { http: of("http"), https: of("https") };
}

interface Archive {
  uri: string;
  suite: string;
}

async function readArchives(etc: string): Promise<Archive[]> {
  const folder = path.join(etc, "apt/sources.list.d");
  const names = await readdir(folder).catch(() => []);
  const files = [
    path.join(etc, "apt/sources.list"),
    ...names.filter((n) => /\.(list|sources)$/.test(n)).map((n) => path.join(folder, n)),
  ];
  const found = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, "utf8").catch(() => "");
      return file.endsWith(".sources") ? deb822(text) : oneLine(text);
    }),
  );
  return found.flat().map((a) => ({ ...a, uri: a.uri.replace(/\/+$/, "") }));
}

/** sources.list(5), one-line style: deb [options] URI SUITE COMPONENT… */
export function oneLine(text: string): Archive[] {
  return [...text.matchAll(/^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/gm)].map((m) => ({
    uri: m[1] ?? "",
    suite: m[2] ?? "",
  }));
}

/** sources.list(5), deb822 style: stanzas of `Types`, `URIs`, `Suites`, … */
export function deb822(text: string): Archive[] {
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  return lines
    .join("\n")
    .split(/\n\s*\n/)
    .flatMap((stanza) => {
      const field = (name: string) =>
        new RegExp(`^${name}:((?:.*\\n?)(?:[ \\t].*\\n?)*)`, "im").exec(stanza)?.[1]?.trim().split(/\s+/) ??
        [];
      if (!field("Types").includes("deb") || /^Enabled:\s*no/im.test(stanza)) return [];
      return field("URIs").flatMap((uri) => field("Suites").map((suite) => ({ uri, suite })));
    });
}

async function aptSettings(): Promise<Record<string, string>> {
  const { stdout, failed } = await execa("apt-config", ["dump"], { reject: false });
  if (failed) return {};
  return Object.fromEntries([...stdout.matchAll(/^(\S+) "(.*)";$/gm)].map((m) => [m[1] ?? "", m[2] ?? ""]));
}
