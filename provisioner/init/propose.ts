/** What a project needs to be served by everspot, from what was learnt of it. Pure. */
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { needsGdal } from "../project/databases.ts";
import { isSecretName } from "../project/stand-ins.ts";
import { GDAL_PACKAGES, systemPackagesFor } from "../project/system-packages.ts";
import { asgiOf, beforeStart, wsgiOf } from "./app-commands.ts";
import { configFile, type Draft } from "./config-file.ts";
import { environment, randomSecrets } from "./environment.ts";
import { guessedHealth } from "./health.ts";
import { needsOf } from "./needs.ts";
import { ignores, requirements } from "./release-files.ts";
import { sealed } from "./seal.ts";
import { needsAny, SETTINGS_MODULE, settingsFile, WSGI_MODULE, wsgiFile } from "./settings-file.ts";
import type { Situation } from "./situation.ts";
import { stateOf } from "./state-table.ts";
import { staticOf } from "./static-files.ts";

export interface ProposedFile {
  /** Relative to the folder of everspot.toml. */
  path: string;
  text: string;
  why: string;
}

export interface Proposal {
  draft: Draft;
  files: ProposedFile[];
  /** Variables that someone must give a value, secret or not. */
  wanted: { name: string; secret: boolean; where: string | undefined }[];
}

export function propose(situation: Situation): Proposal {
  const { learnt, site, region, domain, os, trial } = situation;
  const { layout, facts } = learnt;
  const files = new Set(layout.files.map((f) => f.path));
  const served = staticOf(facts, files);
  const needs = needsOf(situation, served);
  const own = learnt.settings;
  const writes = own !== undefined && own !== SETTINGS_MODULE && needsAny(needs);
  const settings = writes ? SETTINGS_MODULE : own;
  const asgi = asgiOf(learnt, files);
  const wsgi = asgi === undefined ? wsgiOf(learnt, files) : undefined;
  const random = randomSecrets(learnt, needs);
  const env = environment(situation, settings);
  const packages = [
    ...systemPackagesFor(situation.packages.map((p) => p.split(" ")[0] ?? "")),
    ...(facts !== undefined && needsGdal(facts) ? GDAL_PACKAGES : []),
  ];
  const steps = beforeStart(learnt, files, served);
  const state = stateOf(situation, needs, served);
  const image = {
    ...(os === "debian-12" ? { os } : {}),
    ...(packages.length > 0 ? { packages } : {}),
  };
  const draft: Draft = {
    ...{ site, region, domain },
    app: {
      ...(layout.root === "" ? {} : { root: layout.root }),
      ...(asgi === undefined ? { wsgi: wsgi ?? `${WSGI_MODULE}:application` } : { asgi }),
      health: trial?.health ?? guessedHealth(facts),
      ...omitUndefined({ static: served && { url: served.url, folder: served.folder } }),
      ...(steps.length > 0 ? { before_start: steps } : {}),
      ...(random.length > 0 ? { random_secrets: random } : {}),
      ...(Object.keys(env).length > 0 ? { env } : {}),
    },
    ...omitUndefined({ state }),
    ...(Object.keys(image).length > 0 ? { image } : {}),
    ...(situation.without.length > 0 ? { release: { without: [...situation.without] } } : {}),
  };
  const inRoot = (name: string): string => (layout.root === "" ? name : `${layout.root}/${name}`);
  const given = new Set([...random, ...Object.keys(env)]);
  return {
    draft,
    files: [
      { path: "everspot.toml", text: configFile(draft), why: "the site" },
      ...(writes && own !== undefined
        ? [
            {
              path: inRoot(`${SETTINGS_MODULE}.py`),
              text: settingsFile(own, needs),
              why: "what the site needs of the settings",
            },
          ]
        : []),
      ...(asgi === undefined && wsgi === undefined && settings !== undefined
        ? [{ path: inRoot(`${WSGI_MODULE}.py`), text: wsgiFile(settings), why: "the application" }]
        : []),
      ...requirements(situation).map((text) => ({
        path: inRoot("requirements.txt"),
        text,
        why: "the packages of a release",
      })),
      ...ignores(situation).map((text) => ({
        path: inRoot(".everspotignore"),
        text,
        why: "what looks like a secret stays here",
      })),
    ].map((file) => ({ ...file, text: sealed(file.text) })),
    wanted: learnt.required
      .filter(({ name }) => !given.has(name))
      .map(({ name, where }) => ({ name, secret: isSecretName(name), where })),
  };
}
