import { EverspotError } from "../site/errors.ts";
import { ensureDropIns } from "../system/drop-ins.ts";
import type { Units } from "../system/units.ts";

/** What stands unquoted in a unit's file and means itself there. */
const FOLDER = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;

interface Where {
  units: Units;
  /** Of the static files of all releases. */
  static: string;
  unitFiles: string;
}

/**
 * What `before_start` writes into the release's static folder goes into the folder that it was given, and the app
 * reads it there: the release itself nobody changes.
 * @param folder in the release, e.g. "static". @throws EverspotError when it cannot stand in a unit.
 */
export function mountStatic({ units, static: root, unitFiles }: Where, folder: string): Promise<void> {
  const path = folder.replace(/\/+$/, "");
  if (!FOLDER.test(path) || path.split("/").some((part) => part === "." || part === "..")) {
    throw new EverspotError(`${JSON.stringify(folder)} cannot be the folder of static files`, {
      hint: "correct [app] static in everspot.toml",
    });
  }
  const target = `/var/lib/everspot/releases/%i/${path}`;
  return ensureDropIns(units, unitFiles, {
    "everspot-prepare@.service.d/static.conf": `[Service]\nBindPaths=${root}/.%i.next:${target}\n`,
    "everspot-app@.service.d/static.conf": `[Service]\nBindReadOnlyPaths=-${root}/%i:${target}\n`,
  });
}
