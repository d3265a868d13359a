import { channelDocument } from "../../../agent/site/channel.ts";
import { readDocument, updateDocument } from "../../../agent/site/document.ts";
import { releaseManifest } from "../../../agent/site/documents/release-manifest.ts";
import { keys } from "../../../agent/site/names.ts";
import { readJson } from "../../../agent/site/read-json.ts";
import { checkDown, recordBoots, runUp, vanish } from "../acts.ts";
import type { Rehearsal } from "../rehearsal.ts";
import type { Scenario } from "../scenario.ts";

const BAD = "kills-its-machine";
/** Boots of a candidate, at most. */
const BOOTS = 2;
const SECONDS = 400;

export const badCandidateLoop: Scenario = {
  name: "bad-candidate-loop",
  about:
    "a candidate kills every machine that starts it: two boots of it at most, then the good release serves",
  async run(rehearsal, result) {
    await runUp(rehearsal, result);
    await rehearsal.untilPackagesAreKept();
    const good = await publishBad(rehearsal);
    const first = await vanish(rehearsal);

    const killed: string[] = [];
    const end = Date.now() + SECONDS * 1000;
    let serves: string | undefined;
    while (serves === undefined && Date.now() < end) {
      for (const boot of await rehearsal.boots()) {
        if (boot.instance === first || killed.includes(boot.instance)) continue;
        if (boot.release === BAD && boot.steps.some((s) => s.name === "app" || s.name === "prepare")) {
          killed.push(boot.instance);
          rehearsal.moment(`${boot.instance} dies of ${BAD}`);
          rehearsal.cloud.reclaimNow(boot.instance);
        } else if (boot.state === "serving") serves = boot.instance;
      }
      await rehearsal.pause(0.05);
    }
    if (serves === undefined) throw new Error(`no instance serves ${SECONDS} s after the first death`);
    rehearsal.moment(`${serves} serves`);
    const boot = await rehearsal.boot(serves);
    const { value: channel } = await readDocument(rehearsal.store, channelDocument);
    rehearsal.check(killed.length === BOOTS, `${BOOTS} machines started it, ${killed.length} did`);
    rehearsal.check(boot?.release === good, `the release before serves (${boot?.release})`);
    rehearsal.check(
      channel?.quarantined.some((q) => q.id === BAD) === true && channel.candidate === undefined,
      "the candidate is quarantined",
    );
    result.figures = { "machines lost to the candidate": killed.length };
    await recordBoots(rehearsal, result);
    await checkDown(rehearsal, result);
  },
};

/** The release that serves, once more under another name, as the candidate. @returns the one that serves. */
async function publishBad({ store }: Rehearsal): Promise<string> {
  const { value: channel } = await readDocument(store, channelDocument);
  const good = channel?.current ?? "";
  const [zip, manifest] = await Promise.all([
    store.get(keys.releaseZip(good)),
    readJson(store, keys.releaseManifest(good), releaseManifest),
  ]);
  if (zip === undefined || manifest === undefined) throw new Error(`release ${good} is not in the bucket`);
  await store.put(keys.releaseZip(BAD), zip.body);
  await store.put(keys.releaseManifest(BAD), JSON.stringify({ ...manifest, id: BAD }));
  await updateDocument(
    store,
    channelDocument,
    (current) => current && { ...current, candidate: { id: BAD, attempts: [] } },
  );
  return good;
}
