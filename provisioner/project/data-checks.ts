/** Where a project's data lies: what an instance does not have, where nothing can be written, what is lost. Pure. */
import { errorFinding, type Finding, warningFinding } from "../findings/finding.ts";
import { inMemory, isNear, isSqlite, needsGdal, placeOf, serverOf } from "./databases.ts";
import type { Subject } from "./subject.ts";

export function databases(subject: Subject): Finding[] {
  const { learnt, packages, beforeStart, secrets, env, state } = subject;
  const { facts, read } = learnt;
  if (facts === undefined) return [];
  const where = read.places.DATABASES;
  const urls = learnt.variables.filter((name) => /(^|_)(DATABASE|DB)_?URL$/.test(name));
  const given = urls.some((name) => secrets === undefined || secrets.includes(name) || name in env);
  const found = Object.entries(facts.databases).flatMap(([alias, database]): Finding[] => {
    const server = serverOf(database);
    const name = alias === "default" ? "the database" : `the database "${alias}"`;
    // What a secret says is not known here.
    if (server !== undefined && isNear(database) && !given) {
      const [variable] = urls;
      return [
        errorFinding(
          "project.E007",
          `${name} is ${server} ${placeOf(database)}, and an instance has no server of its own`,
          {
            where,
            hint:
              variable === undefined
                ? "let the settings take it from the environment (dj-database-url), and name a server elsewhere by `everspot secret set DATABASE_URL`"
                : `name a server elsewhere by \`everspot secret set ${variable}\``,
          },
        ),
      ];
    }
    if (inMemory(database)) {
      return [
        errorFinding("project.E012", `${name} is SQLite in memory: each worker has an empty one of its own`, {
          where,
          hint: "name a file below $STATE_DIRECTORY; `everspot init` writes settings that do",
        }),
      ];
    }
    if (!isSqlite(database.engine) || state?.database.includes(database.name ?? "") === true) return [];
    if (isInAppFolder(database.name)) return [passing(subject, name, database.name ?? "", where)];
    if (!learnt.asked) return [];
    const migrates = beforeStart.some((command) => /\bmigrate\b/.test(command));
    const what = `${name} is the SQLite file ${database.name}, where the app cannot write`;
    const hint = `[state] database = "${database.name}" keeps it there; or name a file below $STATE_DIRECTORY`;
    return [
      migrates
        ? errorFinding("project.E013", what, { where, hint })
        : warningFinding("project.W013", what, { where, hint }),
    ];
  });
  return [...found, ...(needsGdal(facts) ? gdal(packages, where) : [])].filter(
    (f, i, all) => all.findIndex((o) => o.id === f.id && o.what === f.what) === i,
  );
}

const isInAppFolder = (name: string | null | undefined): boolean =>
  (name ?? "").startsWith("$STATE_DIRECTORY");

/** It works, and what is written there lasts about a day. */
function passing({ learnt, state }: Subject, name: string, file: string, where: string | undefined): Finding {
  const root = learnt.facts?.mediaRoot;
  const media = state === undefined && isInAppFolder(root) ? ", and so do uploads" : "";
  const example = file.replace(/\/$/, "");
  return warningFinding(
    "project.W018",
    `${name} is SQLite: what is written to it goes with the instance${media}`,
    {
      where,
      hint: `[state] database = "${example}"${media === "" ? "" : ` and media = "${root}"`} keeps it in the site's bucket (docs/state.md)`,
    },
  );
}

export const gdal = (packages: readonly string[], where?: string | null): Finding[] =>
  packages.some((p) => /^(gdal-bin|libgdal|python3-gdal)/.test(p))
    ? []
    : [
        errorFinding("project.E008", "GeoDjango needs GDAL, which is not on the instance", {
          where: where ?? undefined,
          hint: '[image] packages = ["gdal-bin"]',
        }),
      ];

/** What the app makes among its files as it starts; where it must do without, it may or may not start. */
export function writes({ learnt, state }: Subject): Finding[] {
  const kept = (path: string): boolean =>
    state?.database.includes(path) === true || `${path}/`.startsWith(`${state?.media}/`);
  return learnt.writes
    .filter(({ path }) => !kept(path))
    .map(({ path, by }) => {
      const where = by && (learnt.read.places[by.setting.split("[")[0] ?? ""] ?? by.setting);
      const named = by === undefined ? "" : `, as ${by.setting} has it`;
      const hint =
        by === undefined
          ? 'let it write below os.environ["STATE_DIRECTORY"], the one folder that is the app\'s own'
          : "name a path below $STATE_DIRECTORY there; `everspot init` writes settings that do";
      return learnt.startsSealed === true
        ? warningFinding(
            "project.W017",
            `the app writes ${path}${named}: on the instance it has to do without`,
            {
              where,
              hint,
            },
          )
        : errorFinding("project.E017", `the app writes ${path}${named}, where it cannot`, { where, hint });
    });
}

export function uploads({ learnt, state }: Subject): Finding[] {
  const { facts, started } = learnt;
  const fields = started?.answer.fileFields ?? [];
  const local = facts?.mediaStorage == null || /FileSystemStorage$/.test(facts.mediaStorage);
  if (facts === undefined || !local || fields.length === 0) return [];
  const root = facts.mediaRoot ?? "";
  if (state?.media !== undefined && root === state.media) return [];
  return [
    warningFinding(
      "project.W006",
      isInAppFolder(root)
        ? "what visitors upload goes with the instance, and nginx does not serve it"
        : `what visitors upload would go to ${facts.mediaRoot ?? "the project's folder"}, where the app cannot write`,
      {
        where: fields.slice(0, 3).join(", "),
        hint: `[state] media = "${root === "" ? "media" : root}" keeps them and serves them; or keep them in a bucket of their own (django-storages)`,
      },
    ),
  ];
}
