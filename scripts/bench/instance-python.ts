/** The instance's Python for the CLI, so that releases have their bytecode, as when packed where that Python is installed. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Mirror } from "../../test/cloud/mirror.ts";
import { ensureImage } from "../../test/cloud/nspawn/image.ts";
import { requireSandbox } from "../../test/cloud/sandbox/sandbox.ts";

const LOADER = process.arch === "arm64" ? "lib/ld-linux-aarch64.so.1" : "lib64/ld-linux-x86-64.so.2";
const LIBRARIES = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";

/** Puts `python3.13` into a folder: that of the instances' image, with the image's own libraries. */
export async function installInstancePython(mirror: Mirror, folder: string): Promise<void> {
  const image = await ensureImage(requireSandbox(), "debian-13", { proxy: mirror.url });
  const script = [
    "#!/bin/sh",
    // -B: the image is not to be written to.
    `exec ${image}/${LOADER} --library-path ${image}/usr/lib/${LIBRARIES} ${image}/usr/bin/python3.13 -B "$@"`,
  ];
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "python3.13"), `${script.join("\n")}\n`, { mode: 0o755 });
}
