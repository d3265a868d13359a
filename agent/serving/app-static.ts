/** The static files of a release in all folders of `[app] static`: offered to `before_start`, taken from it, served. */
import { mkdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { pointLink } from "../system/files.ts";
import { appUnit, nth } from "../system/paths.ts";
import type { Units } from "../system/units.ts";
import {
  dropOldStatic,
  freshStatic,
  inheritStatic,
  isThere,
  keepStatic,
  keptStatic,
  linkIn,
} from "./static-folder.ts";
import { mountStatic } from "./static-mount.ts";

export interface StaticMachine {
  units: Units;
  config: BootConfig;
  /** The app's user. */
  uid: number;
  gid: number;
  /** Folder of the static files that `before_start` made, one folder per release, nothing else writes there; see nth(). */
  static: string;
  /** Folder of systemd units that a reboot empties. */
  unitFiles: string;
  /** Symlinks that nginx follows; see nth() for further folders. */
  links: { static: string; staticBefore: string };
}

/** Whether all the static files that a release's `before_start` made are there. */
export async function hasStatic({ config, static: root }: StaticMachine, id: string): Promise<boolean> {
  const folders = [...(config.app.static ?? []).keys()].map((n) => keptStatic(nth(root, n), id));
  return (await Promise.all(folders.map(isThere))).every(Boolean);
}

/** `collectstatic` writes there; all of a release itself is root's. */
export async function offerStatic(
  machine: StaticMachine,
  id: string,
  folder: string,
  from?: string,
): Promise<void> {
  const { units, config } = machine;
  const folders = (config.app.static ?? []).map((files) => files.folder);
  if (folders.length === 0) return;
  await mountStatic(machine, folders);
  const active = (await units.state(appUnit(id))).active === "active";
  for (const [n, name] of folders.entries()) {
    const [root, packed] = [nth(machine.static, n), join(folder, name)];
    await mkdir(packed, { recursive: true, mode: 0o755 });
    if (!active) await dropOldStatic(root, id);
    if (from === undefined) await freshStatic(root, id, packed, machine);
    else await inheritStatic(root, id, from);
  }
}

/** @returns the first link among the files. */
export async function takeStatic(
  { config, static: root }: StaticMachine,
  id: string,
): Promise<string | undefined> {
  let link: string | undefined;
  for (const n of (config.app.static ?? []).keys()) {
    await keepStatic(nth(root, n), id);
    link ??= await linkIn(nth(root, n), id);
  }
  return link;
}

/** What pages name that visitors have open stays within reach. */
export async function switchStatic(machine: StaticMachine, id: string, folder: string): Promise<void> {
  const { links } = machine;
  for (const [n, { folder: next }] of servedFolders(machine, id, folder).entries()) {
    const link = nth(links.static, n);
    const before = await readlink(link).catch(() => undefined);
    if (before === next) continue;
    if (before !== undefined) await pointLink(nth(links.staticBefore, n), before);
    await pointLink(link, next);
  }
}

/** The static folders that nginx serves for a release, in the order of `[app] static`. */
export const servedFolders = (
  { config: { app }, static: root }: StaticMachine,
  id: string,
  folder: string,
): { url: string; folder: string }[] =>
  (app.static ?? []).map(({ url, folder: name }, n) => ({
    url,
    folder: app.beforeStart.length === 0 ? join(folder, name) : keptStatic(nth(root, n), id),
  }));
