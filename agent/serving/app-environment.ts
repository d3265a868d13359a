import { resolve } from "node:path";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { SIGNING_SECRET } from "../notify/notify.ts";
import { applicationOf, longestTimeout } from "../site/config/app.ts";
import { keptName } from "../site/config/state.ts";
import { BUNDLED_PYTHON } from "../site/release.ts";
import { renderEnvironment } from "../system/environment-file.ts";
import { APP_FOLDER, kept } from "../system/paths.ts";

/** A file of environment variables takes `$` as it is (systemd.exec(5), "EnvironmentFile="). */
const inStateDirectory = (value: string): string =>
  value.replaceAll(/\$(?:STATE_DIRECTORY\b|\{STATE_DIRECTORY\})/g, APP_FOLDER);

/**
 * The environment file of a release's units. `$STATE_DIRECTORY` in `[app.env]` is the app's own folder. Order of weight,
 * least first: `[app.env]`, secrets, what the unit itself needs. Folders of a PYTHONPATH in `[app.env]` come after the
 * release's own; relative ones are in the release.
 * @param folder of the release.
 * @param more `timeout`: seconds that gunicorn gives a worker. `source`: whether the app's packages are in `src/`.
 * @throws EverspotError for names or values systemd would drop.
 */
export function appEnvironment(
  config: BootConfig,
  id: string,
  folder: string,
  secrets: Readonly<Record<string, string>>,
  { timeout = longestTimeout(config.app), source = false }: { timeout?: number; source?: boolean } = {},
): string {
  // The signing secret is the agent's own.
  const { [SIGNING_SECRET]: _, ...theirs } = secrets;
  const given = Object.fromEntries(
    Object.entries(config.app.env).map(([name, value]) => [name, inStateDirectory(value)]),
  );
  const asked = (given.PYTHONPATH ?? "").split(":").filter((entry) => entry !== "");
  const path = [
    ...(config.state === undefined ? [] : [kept.python]),
    ...[`${folder}/${BUNDLED_PYTHON}`, folder, ...(source ? [`${folder}/src`] : [])],
  ];
  return renderEnvironment({
    ...given,
    ...theirs,
    PYTHONPATH: [...path, ...asked.map((entry) => resolve(folder, entry))].join(":"),
    ...(config.state === undefined
      ? { EVERSPOT_APP: applicationOf(config.app) }
      : gated(applicationOf(config.app), config.state)),
    ...(config.app.asgi !== undefined && { EVERSPOT_ASGI: "1" }),
    EVERSPOT_WORKERS: String(config.app.workers),
    EVERSPOT_THREADS: String(threadsOf(config)),
    EVERSPOT_TIMEOUT: String(timeout),
    EVERSPOT_DOMAIN: config.domain,
    EVERSPOT_HOSTS: [config.domain, ...config.aliases].join(","),
    EVERSPOT_RELEASE: id,
  });
}

/** With "s3" each answer waits for a PUT, and a thread with it: two workers then have eight requests in flight. */
const threadsOf = ({ app, state }: BootConfig): number => app.threads ?? (state?.durability === "s3" ? 4 : 1);

/** The app behind the gate that holds its answers (agent/state/wrapper), and what that has to know. */
const gated = (application: string, { database, media, durability }: NonNullable<BootConfig["state"]>) => ({
  EVERSPOT_APP: "everspot_state:application",
  EVERSPOT_STATE_APP: application,
  EVERSPOT_STATE_DATABASES: database.map((path) => `${kept.databases}/${keptName(path)}`).join(":"),
  EVERSPOT_STATE_DURABILITY: durability,
  EVERSPOT_STATE_LEASE: kept.lease,
  ...(media !== undefined && {
    EVERSPOT_STATE_UPLOADS: kept.media,
    EVERSPOT_STATE_UPLOADS_SOCKET: kept.uploads,
  }),
});

/**
 * The script that runs `before_start`, one command after the other until one fails, each shown as it starts, and with
 * the time it took as it ends.
 * The commands are the site owner's own shell lines; they run as the app's user. Those in a list of their own run side
 * by side, each in a shell of its own, and are shown when all have ended: first those that went well.
 * @param watched whether it also says, before the first and after each, what `$STATE_DIRECTORY` then has (`writersOf`
 * reads that).
 */
export function prepareScript(
  commands: BootConfig["app"]["beforeStart"],
  { watched = false }: { watched?: boolean } = {},
): string {
  const lines = commands.flatMap((step) => [
    ...(typeof step === "string" ? [shown(step), BEGAN, evaluated(step), took(step)] : sideBySide(step)),
    ...(watched ? [SEEN] : []),
  ]);
  return ["set -e", CLOCK, ...(watched ? [BEGAN_ALL, SEEN] : []), ...lines, ""].join("\n");
}

/** Milliseconds since the epoch. */
const CLOCK = "everspot_now() { echo $(($(date +%s%N) / 1000000)); }";
const BEGAN_ALL = "everspot_first=$(everspot_now)";
/**
 * Milliseconds since the first began, and a sum over all files with their sizes and times. SQLite makes an index of its
 * write-ahead log, and an empty log, for whoever reads a database.
 */
const SEEN = `printf '@ %d %s\\n' $(($(everspot_now) - everspot_first)) "$(
  find "$STATE_DIRECTORY" -type f ! -name '*-shm' ! \\( -name '*-wal' -size 0 \\) -printf '%P %s %T@ %C@\\n' | sort | cksum
)"`;
const BEGAN = "everspot_began=$(everspot_now)";
const took = (command: string): string =>
  [
    "everspot_took=$(($(everspot_now) - everspot_began))",
    `printf '= %d.%03d s: %s\\n' $((everspot_took / 1000)) $((everspot_took % 1000)) ${quote(command)}`,
  ].join("\n");

function sideBySide(commands: readonly string[]): string[] {
  const all = commands.map((command, i) => ({
    command,
    said: `"$said/${i}"`,
    pid: `$pid${i}`,
    end: `end${i}`,
  }));
  return [
    "said=$(mktemp -d)",
    ...all.flatMap(({ command, said }, i) => [
      ...["(", BEGAN, "(", evaluated(command), `) >${said} 2>&1`, took(command), ") &"],
      `pid${i}=$!`,
    ]),
    ...all.map(({ pid, end }) => `${end}=0; wait ${pid} || ${end}=$?`),
    ...all.map(({ command, said, end }) => `[ $${end} != 0 ] || { ${shown(command)}; cat ${said}; }`),
    "failed=0",
    ...all.map(
      ({ command, said, end }) =>
        `[ $${end} = 0 ] || { ${shown(`${command} (ended with `, `$${end})`)}; cat ${said}; failed=$${end}; }`,
    ),
    'rm -r "$said"',
    "[ $failed = 0 ] || exit $failed",
  ];
}

/** @param end what the shell is to put behind it. */
const shown = (command: string, end = ""): string =>
  `printf '+ %s\\n' ${quote(command)}${end === "" ? "" : `"${end}"`}`;

/** What is no shell command fails in its own place, and cannot change what stands around it. */
const evaluated = (command: string): string => `eval ${quote(command)}`;

/** One word of a POSIX shell. */
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
