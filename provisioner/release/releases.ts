import { type Channel, channelDocument } from "../../agent/site/channel.ts";
import { readDocument } from "../../agent/site/document.ts";
import type { ReleaseManifest } from "../../agent/site/documents/release-manifest.ts";
import { keys } from "../../agent/site/names.ts";
import { counterOf } from "../../agent/site/release.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import { readManifest } from "./manifests.ts";

export type ReleaseState = "candidate" | "current" | "previous" | "last known good" | "quarantined";

export interface ReleaseRow {
  id: string;
  /** All that apply, the most telling first; none for a release that was superseded untried or long ago. */
  states: ReleaseState[];
  manifest: ReleaseManifest;
  /** Seconds since it was published. */
  age: number;
  /** `lines`: what it said last. */
  quarantined?: { at: string; reason: string; lines?: string[] | undefined } | undefined;
}

const READS_AT_ONCE = 8;

/**
 * Every whole release in the bucket, newest first. One whose upload was cut off has no manifest and is not listed.
 * @param now milliseconds since the epoch.
 */
export async function listReleases(store: ObjectStore, now: number): Promise<ReleaseRow[]> {
  const { ids, channel } = await look(store);
  const rows: ReleaseRow[] = [];
  const queue = ids.values();
  const work = async () => {
    for (const id of queue) {
      const manifest = await readManifest(store, id);
      if (manifest !== undefined) rows.push(row(manifest, channel, now));
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, work));
  return rows.sort((a, b) => b.manifest.counter - a.manifest.counter);
}

/** The same without what their manifests say, which is a read for each. */
export async function listStates(store: ObjectStore): Promise<Pick<ReleaseRow, "id" | "states">[]> {
  const { ids, channel } = await look(store);
  return ids.sort((a, b) => counterOf(b) - counterOf(a)).map((id) => ({ id, states: statesOf(id, channel) }));
}

async function look(store: ObjectStore): Promise<{ ids: string[]; channel: Channel | undefined }> {
  const { value: channel } = await readDocument(store, channelDocument);
  const listed = await store.list(keys.releasePrefix);
  return { ids: listed.flatMap(({ key }) => /^releases\/([^/]+)\.json$/.exec(key)?.[1] ?? []), channel };
}

function statesOf(id: string, channel: Channel | undefined): ReleaseState[] {
  const states: [ReleaseState, boolean][] = [
    ["candidate", channel?.candidate?.id === id],
    ["current", channel?.current === id],
    ["last known good", channel?.lastKnownGood === id],
    ["previous", channel?.previous === id],
    ["quarantined", channel?.quarantined.some((q) => q.id === id) === true],
  ];
  return states.filter(([, applies]) => applies).map(([state]) => state);
}

function row(manifest: ReleaseManifest, channel: Channel | undefined, now: number): ReleaseRow {
  const { id } = manifest;
  const bad = channel?.quarantined.find((q) => q.id === id);
  return {
    id,
    states: statesOf(id, channel),
    manifest,
    age: Math.max(0, (now - Date.parse(manifest.created)) / 1000),
    quarantined: bad && { at: bad.at, reason: bad.reason, lines: bad.lines },
  };
}

/** How many releases to keep for going back to, besides those the channel names. */
const KEPT = 10;

/**
 * Releases no one will want again: beyond the newest ten, and not named by the channel as anything that may run.
 * @param rows newest first.
 */
export function superseded(rows: readonly Pick<ReleaseRow, "id" | "states">[]): string[] {
  return rows
    .filter((r, i) => i >= KEPT && r.states.every((state) => state === "quarantined"))
    .map((r) => r.id);
}
