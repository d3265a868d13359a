import { EverspotError } from "../site/errors.ts";
import { ensureDropIns } from "../system/drop-ins.ts";
import type { Units } from "../system/units.ts";

interface Where {
  units: Units;
  /** Of the static files of all releases. */
  static: string;
  unitFiles: string;
}

/**
 * What `before_start` writes into the release's static folder goes into the folder that it was given, and the app
 * reads it there: the release itself is never changed.
 * @param folder in the release, e.g. "static". @throws EverspotError when it cannot stand in a unit.
 */
export function mountStatic({ units, static: root, unitFiles }: Where, folder: string): Promise<void> {
  const path = folder.replace(/\/+$/, "");
  if (
    path === "" ||
    /\p{Cc}|\\/u.test(path) ||
    path.split("/").some((part) => part === "." || part === "..")
  ) {
    throw new EverspotError(`${JSON.stringify(folder)} cannot be the folder of static files`, {
      hint: "correct [app] static in everspot.toml",
    });
  }
  const target = `/var/lib/everspot/releases/%i/${path.split("/").map(word).join("/")}`;
  return ensureDropIns(units, unitFiles, {
    "everspot-prepare@.service.d/static.conf": `[Service]\nBindPaths=${root}/.%i.next:${target}\n`,
    "everspot-app@.service.d/static.conf": `[Service]\nBindReadOnlyPaths=-${root}/%i:${target}\n`,
  });
}

/** Part of a path in systemd's BindPaths=, which splits at colons and blanks, knows quotes, and expands %. */
const word = (text: string): string =>
  text.replace(/[ -~]/g, (c) => (/[\w.-]/.test(c) ? c : c === "%" ? "%%" : `\\${c}`));
