import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";

/** pip's own words, with its configuration files and environment in force. */
const ASK_PIP = `
import json
from pip._internal.commands import create_command
from pip._internal.models.index import PyPI
options, _ = create_command("download").parse_args(["x"])
print(json.dumps({"indexes": [options.index_url, *options.extra_index_urls], "default": PyPI.simple_url, "files": PyPI.file_storage_domain}))
`;

export interface PackageIndex {
  /** Where pip looks first, e.g. "https://index.example/simple". */
  url: string;
  /** "index.example:443": whom pip may ask, for pages and for files. */
  hosts: string[];
}

/**
 * Where this machine's pip gets Python packages from.
 * @param more further indexes, e.g. those that a requirements file names.
 * @throws EverspotError where there is no pip.
 */
export async function packageIndex(more: readonly string[] = [], env = process.env): Promise<PackageIndex> {
  const asked = await execa("python3", ["-c", ASK_PIP], { env, reject: false, timeout: 20_000 });
  if (asked.failed) {
    throw new EverspotError("pip does not say where it gets packages from", {
      hint: "install Python 3 with pip (on Debian: apt install python3-pip)",
      lines: String(asked.stderr ?? "")
        .split("\n")
        .slice(-3),
    });
  }
  const said = JSON.parse(asked.stdout) as { indexes: string[]; default: string; files: string };
  const urls = [...said.indexes, ...more];
  // Files that its pages name are elsewhere; a mirror that hands out the same pages leads there, too.
  const hosts = [...urls, `https://${said.files}/`].flatMap(secureHost);
  return {
    url: said.indexes[0] ?? said.default,
    hosts: [...new Set([...hosts, ...secureHost(said.default)])],
  };
}

/** Only TLS can be passed on unread. */
function secureHost(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const { protocol, hostname, port } = new URL(text);
  return protocol === "https:" ? [`${hostname}:${port || 443}`] : [];
}
