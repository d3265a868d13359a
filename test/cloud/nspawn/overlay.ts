import { mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";

/**
 * A machine's disk: what it wrote, above the read-only layers of its image (topmost first).
 * Features that tie a layer to one mount are off, so that a copy of `upper` can serve as a layer of an image.
 */
export class Disk {
  readonly directory: string;
  readonly layers: readonly string[];
  private mounted = false;

  constructor(directory: string, layers: readonly string[]) {
    this.directory = directory;
    this.layers = layers;
  }

  /** Where the whole disk is seen while mounted. */
  get root(): string {
    return path.join(this.directory, "root");
  }

  private get upper(): string {
    return path.join(this.directory, "upper");
  }

  /** Idempotent. */
  async mount(): Promise<void> {
    if (this.mounted) return;
    const work = path.join(this.directory, "work");
    for (const folder of [this.root, this.upper, work]) await mkdir(folder, { recursive: true });
    const options = [
      `lowerdir=${this.layers.join(":")}`,
      `upperdir=${this.upper}`,
      `workdir=${work}`,
      "index=off,metacopy=off,xino=off",
      // A folder of the image can be renamed, as on a disk; where it was is noted by its path in the layers below.
      "redirect_dir=on",
      // No waiting for this machine's disk: what a killed instance wrote is in memory and stays there.
      "volatile",
    ];
    await execa("mount", ["-t", "overlay", "-o", options.join(","), "overlay", this.root]);
    this.mounted = true;
  }

  /** Copies what was written into a new layer; the machine may be running, as with CreateImage's NoReboot. */
  async copyTo(layer: string): Promise<void> {
    const part = `${layer}.part`;
    await mkdir(path.dirname(layer), { recursive: true });
    await rm(part, { recursive: true, force: true });
    await execa("cp", ["-a", "--reflink=auto", this.upper, part]);
    await rename(part, layer);
  }

  /** Forgets everything. Idempotent. */
  async remove(): Promise<void> {
    if (this.mounted) await execa("umount", ["--lazy", this.root]);
    this.mounted = false;
    // Its successor is booting now, and on AWS nothing competes with that.
    await execa("nice", ["-n", "19", "rm", "-rf", this.directory]);
  }
}
