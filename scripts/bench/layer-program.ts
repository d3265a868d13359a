/** Runs on an instance, for the bench: holds the layer in a folder against Debian's signatures, or does nothing. */
import { readdir } from "node:fs/promises";
import { createDebian } from "../../agent/packages/debian.ts";

const [folder] = process.argv.slice(2);
if (folder !== undefined) {
  const debian = createDebian({ imageStatus: "/var/lib/everspot/image-status", codename: "trixie" });
  const files = (await readdir(folder)).filter((name) => name.endsWith(".deb"));
  await debian.check(folder, files, {});
}
