/** Tries a proposal: the project is started with it, migrated, its static files collected, and its pages asked for. */
import path from "node:path";
import { parseConfig } from "../config/load.ts";
import type { OnProgress } from "../dependencies/progress.ts";
import { type Finding, warningFinding } from "../findings/finding.ts";
import { serverOf } from "../project/databases.ts";
import { inspect } from "../project/inspect.ts";
import type { Interpreter } from "../project/interpreters.ts";
import type { Learnt } from "../project/learn.ts";
import { databaseVariable, mightDoWithSqlite } from "./environment.ts";
import { healthPaths, NO_SUCH_PAGE } from "./health.ts";
import { type Proposal, propose } from "./propose.ts";
import type { Situation, Trial } from "./situation.ts";

export interface Tried {
  proposal: Proposal;
  findings: readonly Finding[];
  /** As the project is with the proposal. */
  learnt: Learnt;
}

interface TryOptions {
  /** The one with which the project was asked before. */
  packed: () => Promise<Interpreter | undefined>;
  env: NodeJS.ProcessEnv;
  onProgress: OnProgress;
  signal: AbortSignal;
}

/** The best proposal: SQLite in the place of a server that will not be there only if the project's migrations take it. */
export async function tryOut(file: string, situation: Situation, options: TryOptions): Promise<Tried> {
  const plain = { health: undefined, sqlite: false, moved: movedOf(situation.learnt) };
  if (situation.learnt.asked && mightDoWithSqlite(situation.learnt)) {
    const tried = await moving(file, situation, { ...plain, sqlite: true }, options);
    if (tried.learnt.started?.answer.done.includes("migrate")) {
      return { ...tried, findings: [...tried.findings, instead(situation.learnt)] };
    }
  }
  return moving(file, situation, plain, options);
}

const movedOf = ({ writes }: Learnt): Trial["moved"] => writes.flatMap(({ by }) => by ?? []);

/** Once more if only the trial shows what it writes among its own files, and settings that can say otherwise. */
async function moving(
  file: string,
  situation: Situation,
  before: Trial,
  options: TryOptions,
): Promise<Tried> {
  const tried = await once(file, situation, before, options);
  const { moved } = before;
  const more = movedOf(tried.learnt).filter(({ setting }) => !moved.some((m) => m.setting === setting));
  return more.length === 0
    ? tried
    : once(file, situation, { ...before, moved: [...moved, ...more] }, options);
}

/** What its owner may not have meant. */
function instead(learnt: Learnt): Finding {
  const server = Object.values(learnt.facts?.databases ?? {}).flatMap((d) => serverOf(d) ?? [])[0];
  return warningFinding("project.W016", `SQLite takes the place of ${server}: the migrations run on it`, {
    where: learnt.read.places.DATABASES,
    hint: `name a server elsewhere by \`everspot secret set ${databaseVariable(learnt)}\`, which outweighs [app.env]`,
  });
}

/** Seconds. */
const PATIENCE = 120;

async function once(file: string, situation: Situation, before: Trial, options: TryOptions): Promise<Tried> {
  const first = propose({ ...situation, trial: before });
  const config = parseConfig(textOf(first, "everspot.toml"), file);
  const { root } = config.app;
  const inRoot = first.files
    .filter((f) => f.path !== "everspot.toml")
    .map((f) => [path.posix.relative(root, f.path), f.text]);
  const visit = { host: config.domain, paths: healthPaths(situation.learnt.facts) };
  const { findings, learnt } = await inspect(config, {
    ...options,
    secrets: [...config.app.randomSecrets, ...first.wanted.map((w) => w.name)],
    further: [
      { do: ["models", "migrate", "visit"], visit, plain: true, seconds: PATIENCE },
      // What a project of many files needs long for.
      { do: ["collectstatic"], seconds: PATIENCE },
      { do: ["visit"], visit, sealed: true, seconds: PATIENCE },
    ],
    with: Object.fromEntries(inRoot) as Record<string, string>,
  });
  const health = healthOf(learnt);
  return { proposal: propose({ ...situation, trial: { ...before, health } }), findings, learnt };
}

const textOf = ({ files }: Proposal, name: string): string => files.find((f) => f.path === name)?.text ?? "";

/** The first path that answers 200, unless there all do. */
export function healthOf({ started }: Pick<Learnt, "started">): string | undefined {
  const visits = started?.answer.visits ?? {};
  const any = visits[NO_SUCH_PAGE]?.status === 200;
  const good = Object.entries(visits).filter(([path, { status }]) => path !== NO_SUCH_PAGE && status === 200);
  const [first] = any ? good.filter(([path]) => path === "/") : good;
  return first?.[0];
}
