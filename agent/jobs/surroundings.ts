/** What a command of the operator's finds on the instance: the program, and its environment besides that of the app. */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readFacts } from "../serving/worker-facts.ts";
import type { RunRequest } from "../site/runs/documents.ts";
import { readIfThere } from "../system/files.ts";

/** The words of the program. @param folder of the release. */
export async function wordsOf({ kind, words }: RunRequest, folder: string): Promise<readonly string[]> {
  if (kind !== "manage") return words;
  const managed = await stat(join(folder, "manage.py")).then(
    (found) => found.isFile(),
    () => false,
  );
  return ["python3", ...(managed ? ["manage.py"] : ["-m", "django"]), ...words];
}

const SETTINGS = "DJANGO_SETTINGS_MODULE";

/**
 * A project's manage.py often has other settings than its WSGI module. A command is to have those that are served: the
 * workers say which (serving/worker-facts.ts). Empty where the app's environment names them already.
 */
export async function settingsOf(
  environmentFile: string,
  appSocket: string,
): Promise<Readonly<Record<string, string>>> {
  const environment = (await readIfThere(environmentFile)) ?? "";
  if (new RegExp(`^${SETTINGS}="`, "m").test(environment)) return {};
  const said = (await readFacts(dirname(appSocket))).find((facts) => typeof facts.settings === "string");
  return said?.settings ? { [SETTINGS]: said.settings } : {};
}
