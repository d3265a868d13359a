/** Looks at a project as everspot.toml has it: whether a release of it would be hollow, or could not work. */

import path from "node:path";
import { applicationOf } from "../../agent/site/config/app.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { OnProgress } from "../dependencies/progress.ts";
import { type Finding, sorted } from "../findings/finding.ts";
import { checkProject } from "./checks.ts";
import type { Interpreter } from "./interpreters.ts";
import { layoutOf } from "./layout.ts";
import { type Further, type Learnt, learn } from "./learn.ts";
import { declaredIn, type PackedPython, packedPython } from "./packed.ts";
import { readProject } from "./read.ts";
import { fileOf } from "./settings-modules.ts";
import type { Subject } from "./subject.ts";
import { openWorkspace } from "./workspace.ts";

/** Python of each Debian. */
export const PYTHONS = { "debian-12": "3.11", "debian-13": "3.13" } as const;

/** What stands against serving a project. */
export interface Inspection {
  findings: readonly Finding[];
  /** How it was found out, for a person. */
  how: string;
}

export interface InspectOptions {
  /** Names of the secrets that are set or will be made; undefined where that may not be looked at. */
  secrets: readonly string[] | undefined;
  env: NodeJS.ProcessEnv;
  onProgress: OnProgress;
  signal: AbortSignal;
  /** What is tried besides. */
  further?: readonly Further[];
  /** A Python with the packages of a release, where one is at hand. */
  packed?: () => Promise<Interpreter | undefined>;
  /** Files that the project is looked at with though they are not written yet. */
  with?: Readonly<Record<string, string>>;
}

/** @throws EverspotError when the project's files cannot be listed. */
export async function inspect(
  config: SiteConfig,
  options: InspectOptions,
): Promise<Inspection & { learnt: Learnt }> {
  const { app, image, fleet, release } = config;
  const { env, onProgress, signal } = options;
  const { layout, workspace } = await laidOut(config, options.with ?? {});
  let packed: PackedPython | undefined;
  try {
    const learnt = await learn(
      layout,
      workspace,
      {
        env: environment(config, workspace.state),
        secrets: options.secrets ?? [],
        packedFirst: true,
        settings: app.env.DJANGO_SETTINGS_MODULE ?? (await ownSettings(layout, applicationOf(app))),
        wsgi: applicationOf(app),
        served: app.static?.map(({ folder }) => folder),
        further: options.further ?? [{ do: ["models"], seconds: 60 }],
      },
      options.packed ??
        (async () => {
          packed = await packedPython(config.folder, PYTHONS[image.os], {
            env,
            arch: fleet.arch,
            partly: true,
            without: release.without,
            onProgress,
            signal,
          });
          return packed.interpreter;
        }),
      env,
    );
    const subject: Subject = {
      learnt,
      ...{ wsgi: app.wsgi, asgi: app.asgi },
      env: app.env,
      secrets: options.secrets,
      beforeStart: app.beforeStart.flat(),
      static: app.static,
      packages: image.packages,
      hosts: [config.domain, ...config.aliases],
      state: config.state,
      beside: Object.keys(config.worker).length + Object.keys(config.schedule).length > 0,
      declared:
        Object.keys(options.with ?? {}).find((f) => f === "requirements.txt") ??
        (await declaredIn(config.folder)),
    };
    const findings = sorted(checkProject(subject)).filter(
      (f) => f.level === "error" || !config.silence.includes(f.id),
    );
    return { findings, how: learnt.how, learnt };
  } finally {
    await packed?.dispose();
    await workspace.remove();
  }
}

async function laidOut(config: SiteConfig, files: Readonly<Record<string, string>>) {
  const layout = await layoutOf(path.dirname(config.file), config.app.root);
  const workspace = await openWorkspace(layout.files);
  for (const [name, text] of Object.entries(files)) await workspace.put(name, text);
  const known = new Set(layout.files.map((f) => f.path));
  const put = Object.keys(files)
    .filter((name) => !known.has(name))
    .map((name) => ({
      path: name,
      source: path.join(workspace.copy, name),
      size: 0,
      executable: false,
      stamp: "",
    }));
  return { layout: { ...layout, files: [...layout.files, ...put] }, workspace };
}

/** As the app will find it, but for its secrets. */
function environment({ app, domain, aliases }: SiteConfig, state: string): Record<string, string> {
  const values = Object.entries(app.env).map(([name, value]) => [
    name,
    value.replaceAll(/\$(?:STATE_DIRECTORY\b|\{STATE_DIRECTORY\})/g, state),
  ]);
  return {
    ...(Object.fromEntries(values) as Record<string, string>),
    EVERSPOT_DOMAIN: domain,
    EVERSPOT_HOSTS: [domain, ...aliases].join(","),
    EVERSPOT_RELEASE: "r000001",
  };
}

/** The settings that the application takes where the environment names none. */
async function ownSettings(
  layout: { folder: string; files: Parameters<typeof readProject>[1] },
  wsgi: string,
): Promise<string | undefined> {
  const { entries } = await readProject(layout.folder, layout.files, undefined);
  const file = fileOf(wsgi.split(":")[0] ?? "", new Set(layout.files.map((f) => f.path)));
  return (
    (file === undefined ? undefined : entries[file]?.settings) ?? entries["manage.py"]?.settings ?? undefined
  );
}
