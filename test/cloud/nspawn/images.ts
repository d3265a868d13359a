import { rm } from "node:fs/promises";
import path from "node:path";
import type { Disk } from "./overlay.ts";

/** Which layers an image consists of. A layer of ours stays on disk as long as an image or a disk stands on it. */
export class Images {
  readonly #directory: string;
  readonly #stock: (imageId: string) => Promise<string>;
  readonly #made = new Map<string, readonly string[]>();

  /** @param stock the root directory of an image that was not made by `add`. */
  constructor(directory: string, stock: (imageId: string) => Promise<string>) {
    this.#directory = directory;
    this.#stock = stock;
  }

  /** Topmost first. */
  async layersOf(imageId: string): Promise<readonly string[]> {
    return this.#made.get(imageId) ?? [await this.#stock(imageId)];
  }

  async add(imageId: string, disk: Disk): Promise<void> {
    const layer = path.join(this.#directory, imageId);
    await disk.copyTo(layer);
    this.#made.set(imageId, [layer, ...disk.layers]);
  }

  /** What it consisted of. */
  remove(imageId: string): readonly string[] {
    const layers = this.#made.get(imageId) ?? [];
    this.#made.delete(imageId);
    return layers;
  }

  /** Removes the layers nothing stands on any more. */
  async prune(disks: Iterable<Disk>, layers: Iterable<string>): Promise<void> {
    const used = new Set([...this.#made.values(), ...[...disks].map((d) => d.layers)].flat());
    for (const layer of layers) {
      if (path.dirname(layer) === this.#directory && !used.has(layer)) {
        await rm(layer, { recursive: true, force: true });
      }
    }
  }
}
