import { dirname } from "node:path";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { isInAppFolder, keptName } from "../site/config/state.ts";
import { ensureDropIns } from "../system/drop-ins.ts";
import { writeAtomic } from "../system/files.ts";
import { type KeptPlaces, REHEARSAL, STATE_UNIT } from "../system/paths.ts";
import type { Units } from "../system/units.ts";

type State = NonNullable<BootConfig["state"]>;

/**
 * What the units of the site's code need to reach what is kept; and that they start only while they may. They end
 * before the shipper does, when the machine goes down.
 */
export async function addToUnits(
  units: Units,
  unitFiles: string,
  places: KeptPlaces,
  /** Undefined: the site's code finds all of it where it always was. */
  state: State | undefined,
): Promise<void> {
  const links = state && appFolderLinks(places, state);
  if (links !== undefined) await writeAtomic(places.links, links, 0o644);
  await ensureDropIns(units, unitFiles, {
    "everspot-.service.d/state.conf": [
      "[Unit]",
      `After=${STATE_UNIT}`,
      `AssertPathExists=|${places.mayRun}`,
      // A rehearsal, on a copy of its own.
      `AssertPathExists=|${places.copies}/%i`,
      "[Service]",
      `ReadWritePaths=${places.databases} ${places.media} -${places.copies}`,
      ...(links === undefined ? [] : [`ExecStartPre=/bin/sh ${places.links} %i`]),
      "",
    ].join("\n"),
  });
}

/**
 * A script that links what lies below `$STATE_DIRECTORY` from there. Run as the app's user: the folder is the app's own,
 * and root would follow whatever links it has. What is there already is kept beside. Undefined: nothing lies there.
 */
export function appFolderLinks(places: KeptPlaces, { database, media }: State): string | undefined {
  const links = [
    ...database
      .filter(isInAppFolder)
      .map((path) => [keptName(path), `${places.databases}/${keptName(path)}`]),
    ...(media !== undefined && isInAppFolder(media) ? [[keptName(media), places.media]] : []),
  ] as [string, string][];
  if (links.length === 0) return undefined;
  const lines = links.flatMap(([name, target]) => [
    `mkdir -p -- ${quoted(`./${dirname(name)}`)}`,
    `if [ -e ${quoted(`./${name}`)} ] && [ ! -L ${quoted(`./${name}`)} ]; then mv -- ${quoted(`./${name}`)} ${quoted(`./${name}.before-state`)}; fi`,
    `ln -sfn -- ${quoted(target)} ${quoted(`./${name}`)}`,
  ]);
  // A rehearsal has a folder of its own, with the databases themselves.
  const other = `if [ "$1" = ${REHEARSAL} ]; then exit 0; fi`;
  return ["set -e", other, 'cd "$STATE_DIRECTORY"', ...lines, ""].join("\n");
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
