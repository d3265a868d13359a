import { writeFileSync } from "node:fs";
import path from "node:path";
import { type RawEntry, rawZip } from "../../agent/release/unzip-zips.ts";

export interface WheelOptions {
  /** Python, ABI and platform tag; default "py3-none-any". */
  tag?: string;
  requires?: readonly string[];
  /** What it requires of Python. */
  requiresPython?: string;
  scripts?: readonly string[];
  files?: Record<string, string | Buffer>;
}

const normal = (name: string) => name.replace(/[-.]+/g, "_");

/** Writes a wheel (PEP 427) as pip needs it. @returns its file. */
export function wheel(folder: string, name: string, version: string, options: WheelOptions = {}): string {
  const tag = options.tag ?? "py3-none-any";
  const info = `${normal(name)}-${version}.dist-info`;
  const files: Record<string, string | Buffer> = {
    ...(options.files ?? { [`${normal(name)}.py`]: `VERSION = "${version}"\n` }),
    [`${info}/METADATA`]: [
      "Metadata-Version: 2.1",
      `Name: ${name}`,
      `Version: ${version}`,
      ...(options.requires ?? []).map((r) => `Requires-Dist: ${r}`),
      ...(options.requiresPython === undefined ? [] : [`Requires-Python: ${options.requiresPython}`]),
      "",
    ].join("\n"),
    [`${info}/WHEEL`]: `Wheel-Version: 1.0\nRoot-Is-Purelib: ${tag.endsWith("-any")}\nTag: ${tag}\n`,
    ...(options.scripts === undefined
      ? {}
      : { [`${info}/entry_points.txt`]: `[console_scripts]\n${options.scripts.join("\n")}\n` }),
  };
  const record = [...Object.keys(files), `${info}/RECORD`].map((f) => `${f},,\n`).join("");
  const entries: RawEntry[] = Object.entries({ ...files, [`${info}/RECORD`]: record }).map(([n, data]) => ({
    name: n,
    data,
    mode: 0o100644,
  }));
  const file = path.join(folder, `${normal(name)}-${version}-${tag}.whl`);
  writeFileSync(file, rawZip(entries));
  return file;
}

/**
 * A build backend inside the source itself (PEP 517): needs nothing else to make a wheel of its folder. It leaves a
 * folder behind, as that of setuptools does.
 */
const BACKEND = `
import os, zipfile

def build_wheel(out, config_settings=None, metadata_directory=None):
    os.makedirs("build/lib", exist_ok=True)
    name, version, tag = open("NAME").read().split()
    info = f"{name}-{version}.dist-info"
    file = f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(out, file), "w") as z:
        z.write(name + ".py")
        z.writestr(f"{info}/METADATA", open("PKG-INFO").read())
        z.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n")
        z.writestr(f"{info}/RECORD", f"{name}.py,,\\n{info}/METADATA,,\\n{info}/WHEEL,,\\n{info}/RECORD,,\\n")
    return file

def build_sdist(out, config_settings=None):
    raise NotImplementedError
`;

/** Files of a source distribution whose build gives a wheel with this tag. */
export const source = (
  name: string,
  version: string,
  tag = "py3-none-any",
  requires: readonly string[] = [],
  requiresPython?: string,
): Record<string, string> => ({
  "pyproject.toml": `[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n`,
  "backend.py": BACKEND,
  NAME: `${name} ${version} ${tag}`,
  "PKG-INFO": [
    `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`,
    ...requires.map((r) => `Requires-Dist: ${r}\n`),
    ...(requiresPython === undefined ? [] : [`Requires-Python: ${requiresPython}\n`]),
  ].join(""),
  [`${name}.py`]: `VERSION = "${version}"\n`,
});

/** Writes a source distribution. @returns its file. */
export function sdist(
  folder: string,
  name: string,
  version: string,
  tag?: string,
  requiresPython?: string,
): string {
  const file = path.join(folder, `${name}-${version}.zip`);
  const entries = Object.entries(source(name, version, tag, [], requiresPython)).map(([n, data]) => ({
    name: `${name}-${version}/${n}`,
    data,
    mode: 0o100644,
  }));
  writeFileSync(file, rawZip(entries));
  return file;
}

/** Functions, so that there is as much to compile as in code people write. */
export function moduleOf(bytes: number, seed: number): string {
  const parts: string[] = [];
  for (let size = 0, i = 0; size < bytes; i++) {
    const part = `
def function_${seed}_${i}(first, second=None, *rest, **named):
    """Says what function ${i} of module ${seed} does with ${(i * 7919 + seed) % 1000} things."""
    result = [item for item in rest if item is not None and item != ${i}]
    if first in named and second is not None:
        raise ValueError(f"{first!r} is there twice: {named[first]}")
    return {"first": first, "second": second or ${i * seed}, "rest": result, "named": sorted(named)}
`;
    parts.push(part);
    size += part.length;
  }
  return parts.join("");
}
