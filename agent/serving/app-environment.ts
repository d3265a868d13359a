import type { BootConfig } from "../../user-data/boot-config.ts";
import { SIGNING_SECRET } from "../notify/notify.ts";
import { BUNDLED_PYTHON } from "../site/release.ts";
import { renderEnvironment } from "../system/environment-file.ts";

/**
 * The environment file of a release's units. Order of weight, least first: `[app.env]`, secrets, what the unit
 * itself needs.
 * @param folder of the release.
 * @throws EverspotError for names or values systemd would drop.
 */
export function appEnvironment(
  config: BootConfig,
  id: string,
  folder: string,
  secrets: Readonly<Record<string, string>>,
): string {
  // That one is the agent's own.
  const { [SIGNING_SECRET]: _, ...theirs } = secrets;
  return renderEnvironment({
    ...config.app.env,
    ...theirs,
    PYTHONPATH: `${folder}/${BUNDLED_PYTHON}:${folder}`,
    EVERSPOT_WSGI: config.app.wsgi,
    EVERSPOT_WORKERS: String(config.app.workers),
    EVERSPOT_TIMEOUT: String(config.app.timeout),
    EVERSPOT_DOMAIN: config.domain,
    EVERSPOT_RELEASE: id,
  });
}

/**
 * The script that runs `before_start`, one command after the other until one fails, each shown as it starts.
 * The commands are the site owner's own shell lines; they run as the app's user. Those in a list of their own run side
 * by side, each in a shell of its own, and are shown when all have ended: first those that went well.
 */
export function prepareScript(commands: BootConfig["app"]["beforeStart"]): string {
  const lines = commands.flatMap((step) =>
    typeof step === "string" ? [shown(step), evaluated(step)] : sideBySide(step),
  );
  return ["set -e", ...lines, ""].join("\n");
}

function sideBySide(commands: readonly string[]): string[] {
  const all = commands.map((command, i) => ({
    command,
    said: `"$said/${i}"`,
    pid: `$pid${i}`,
    end: `end${i}`,
  }));
  return [
    "said=$(mktemp -d)",
    ...all.flatMap(({ command, said }, i) => ["(", evaluated(command), `) >${said} 2>&1 &`, `pid${i}=$!`]),
    ...all.map(({ pid, end }) => `${end}=0; wait ${pid} || ${end}=$?`),
    ...all.map(({ command, said, end }) => `[ $${end} != 0 ] || { ${shown(command)}; cat ${said}; }`),
    ...all.map(
      ({ command, said, end }) => `[ $${end} = 0 ] || { ${shown(command)}; cat ${said}; exit $${end}; }`,
    ),
    'rm -r "$said"',
  ];
}

const shown = (command: string): string => `printf '+ %s\\n' ${quote(command)}`;

/** What is no shell command fails in its own place, and cannot change what stands around it. */
const evaluated = (command: string): string => `eval ${quote(command)}`;

/** One word of a POSIX shell. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
