/** What the site needs of the settings, beyond what they say by themselves. Pure. */
import { inMemory, isSqlite } from "../project/databases.ts";
import type { PathSetting } from "../project/writes.ts";
import { secretVariable } from "./environment.ts";
import type { Needs } from "./settings-file.ts";
import type { Situation } from "./situation.ts";
import type { Served } from "./static-files.ts";

export function needsOf(
  { learnt, packages, generatedBy, trial }: Situation,
  served: Served | undefined,
): Needs {
  const { facts } = learnt;
  const databases = Object.values(facts?.databases ?? {});
  const version = Number.parseInt(learnt.facts?.django ?? versionIn(packages) ?? generatedBy ?? "5", 10);
  const hosts = !(facts?.hosts ?? []).includes("*");
  const elsewhere = (path: string | null | undefined): boolean =>
    !(path ?? "").startsWith("$STATE_DIRECTORY");
  const uploads = facts?.mediaStorage == null || /FileSystemStorage$/.test(facts.mediaStorage);
  const media = facts?.mediaRoot != null && facts.mediaRoot !== "" && uploads && elsewhere(facts.mediaRoot);
  const proxyHeader = facts?.proxyHeader !== true;
  const logFiles = (facts?.logFiles ?? []).some(elsewhere);
  const moves = ({ setting }: PathSetting): boolean =>
    !(media && setting === "MEDIA_ROOT") && !(logFiles && setting.startsWith("LOGGING["));
  return {
    debugOff: facts?.debug !== false,
    hosts,
    origins: version >= 4 && (hosts || proxyHeader),
    proxyHeader,
    secretKey: secretVariable(learnt) === undefined ? "SECRET_KEY" : undefined,
    database:
      databases.some((d) => isSqlite(d.engine) && (inMemory(d) || elsewhere(d.name))) ||
      trial?.sqlite === true,
    media,
    staticRoot: served?.set === true ? served.folder : undefined,
    logFiles,
    moved: (trial?.moved ?? []).filter(moves),
    logging: facts?.logs !== true && (learnt.asked || !learnt.read.unknown.includes("LOGGING")),
  };
}

const versionIn = (packages: readonly string[]): string | undefined =>
  packages.map((p) => /^django (\d.*)$/i.exec(p)?.[1]).find((v) => v !== undefined);
