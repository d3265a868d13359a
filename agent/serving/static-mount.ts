import { EverspotError } from "../site/errors.ts";
import { ensureDropIns } from "../system/drop-ins.ts";
import { nth } from "../system/paths.ts";
import type { Units } from "../system/units.ts";

interface Where {
  units: Units;
  /** Where all releases have their static files, in the first of their folders. */
  static: string;
  unitFiles: string;
}

/**
 * What `before_start` writes into the release's static folder goes into the folder that it was given, and the app
 * reads it there: the release itself is never changed.
 * @param folders in the release, e.g. "static". @throws EverspotError when one cannot stand in a unit.
 */
export function mountStatic(
  { units, static: root, unitFiles }: Where,
  folders: readonly string[],
): Promise<void> {
  const targets = folders.map(targetOf);
  const lines = (line: (root: string, target: string) => string): string =>
    `[Service]\n${targets.map((target, n) => line(nth(root, n), target)).join("")}`;
  return ensureDropIns(units, unitFiles, {
    "everspot-prepare@.service.d/static.conf": lines((at, to) => `BindPaths=${at}/.%i.next:${to}\n`),
    "everspot-app@.service.d/static.conf": lines((at, to) => `BindReadOnlyPaths=-${at}/%i:${to}\n`),
  });
}

function targetOf(folder: string): string {
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
  return `/var/lib/everspot/releases/%i/${path.split("/").map(word).join("/")}`;
}

/** Part of a path in systemd's BindPaths=, which splits at colons and blanks, knows quotes, and expands %. */
const word = (text: string): string =>
  text.replace(/[ -~]/g, (c) => (/[\w.-]/.test(c) ? c : c === "%" ? "%%" : `\\${c}`));
