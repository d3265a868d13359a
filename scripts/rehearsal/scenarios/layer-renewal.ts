import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { storeVersion } from "../../../agent/packages/layer.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { type LayerVersion, type PackageLayer, packageLayerDocument } from "../../../agent/site/layers.ts";
import { keys } from "../../../agent/site/names.ts";
import { poll } from "../../../agent/site/poll.ts";
import { checkDown, recordBoots, runUp } from "../acts.ts";
import { change, mustDeploy } from "../deploys.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Scenario } from "../scenario.ts";

export const layerRenewal: Scenario = {
  name: "layer-renewal",
  overrides: { dns: { drain: 5 } },
  about:
    "a swap proves newer packages, which are current from then on; a swap drops ones that do not install",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    const key = await layerKey(rehearsal);
    const first = await layerOf(rehearsal, key);

    const good = await offer(rehearsal, key, first.current, false);
    await change(rehearsal, "with newer packages");
    await mustDeploy(rehearsal);
    const proven = await poll(
      "the candidate to be current",
      async () => {
        const layer = await layerOf(rehearsal, key);
        return layer.candidate === undefined ? { done: layer } : { waiting: "still a candidate" };
      },
      { seconds: 15, everySeconds: 0.5 },
    );
    rehearsal.check(proven.current.sha256 === good, "the packages that served are current");
    rehearsal.check(proven.previous?.sha256 === first.current.sha256, "those before them are kept");

    await offer(rehearsal, key, proven.current, true);
    await change(rehearsal, "with packages that are damaged");
    await mustDeploy(rehearsal);
    const boot = await rehearsal.boot(await rehearsal.owner());
    const left = await layerOf(rehearsal, key);
    rehearsal.check(left.candidate === undefined, "packages that do not install are no candidate any more");
    rehearsal.check(left.current.sha256 === good, "what was current still is");
    rehearsal.check(
      boot?.warnings.some((w) => w.startsWith("packages: layer not used: ")) === true,
      `the boot says that it did not use them, but: ${boot?.warnings.join("; ")}`,
    );
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

/** Of the layer with nginx. */
async function layerKey({ store }: Rehearsal): Promise<string> {
  for (const { key } of await store.list(keys.layersPrefix)) {
    const name = /([0-9a-f]+)\.json$/.exec(key)?.[1];
    if (name === undefined) continue;
    const { value } = await readDocument(store, packageLayerDocument(name));
    if (value?.current.files.some((file) => file.startsWith("nginx_"))) return name;
  }
  throw new Error("no layer has nginx");
}

async function layerOf({ store }: Rehearsal, key: string): Promise<PackageLayer> {
  const { value } = await readDocument(store, packageLayerDocument(key));
  if (value === undefined) throw new Error(`there is no layer ${key}`);
  return value;
}

/** The same packages as a candidate in another archive, or no packages under their names. @returns its SHA-256. */
async function offer(
  { store }: Rehearsal,
  key: string,
  from: LayerVersion,
  damaged: boolean,
): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-layer-"));
  const inside = path.join(folder, "files");
  try {
    await store.download(keys.layer(from.sha256), path.join(folder, "layer.tar.gz"));
    await execa("mkdir", [inside]);
    await execa("tar", ["-xzf", path.join(folder, "layer.tar.gz"), "-C", inside]);
    if (damaged) for (const file of from.files) await writeFile(path.join(inside, file), "not a package");
    await writeFile(path.join(inside, "newer"), new Date().toISOString());
    const files = (await readdir(inside)).filter((name) => !from.files.includes(name));
    const index = { files, dates: from.index };
    const made = await storeVersion(store, { folder: inside, debs: from.files, index, by: "the scenario" });
    await updateDocument(store, packageLayerDocument(key), (layer) => layer && { ...layer, candidate: made });
    return made.sha256;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
