/** How the app is started, and what is run before it. Pure. */
import { isReal } from "../project/databases.ts";
import type { Learnt } from "../project/learn.ts";
import { fileOf } from "../project/settings-modules.ts";
import type { Served } from "./static-files.ts";

/** migrate before collectstatic: either may import what the other makes. */
export function beforeStart(
  { facts, layout, read, settings }: Learnt,
  files: ReadonlySet<string>,
  served: Served | undefined,
): string[] {
  const manage = files.has("manage.py") && read.entries["manage.py"]?.overrules !== true;
  const script = manage
    ? "manage.py"
    : settings === undefined
      ? scriptOf(layout.files.map((f) => f.path))
      : undefined;
  const command = (words: string): string => `python3 ${script ?? "-m django"} ${words}`;
  const databases = Object.values(facts?.databases ?? {}).filter(isReal);
  return [
    ...(databases.length > 0 && !(settings === undefined && script === undefined)
      ? [command("migrate --noinput")]
      : []),
    ...(facts?.caches.some((c) => /DatabaseCache$/.test(c ?? "")) === true
      ? [command("createcachetable")]
      : []),
    ...(served !== undefined && !served.collected ? [command("collectstatic --noinput")] : []),
  ];
}

/** A script of a project in one file that is its own manage.py. */
const scriptOf = (files: readonly string[]): string | undefined => files.find((f) => f === "app.py");

export function wsgiOf({ wsgi, read }: Learnt, files: ReadonlySet<string>): string | undefined {
  if (wsgi === undefined) return undefined;
  const file = fileOf(wsgi.split(":")[0] ?? "", files);
  return file !== undefined && read.entries[file]?.overrules === true ? undefined : wsgi;
}

/** Where WebSockets are used, or nothing else is named. */
export function asgiOf({ facts, read }: Learnt, files: ReadonlySet<string>): string | undefined {
  const [, module, callable] = /^(.+)\.(\w+)$/.exec(facts?.asgi ?? "") ?? [];
  const file = module === undefined ? undefined : fileOf(module, files);
  if (file === undefined || read.entries[file]?.overrules === true) return undefined;
  const wanted = facts?.wsgi == null || facts.apps.some((app) => app === "channels" || app === "daphne");
  return wanted ? `${module}:${callable}` : undefined;
}
