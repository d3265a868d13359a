/** What is made of everspot.toml, before the programs that read it: nginx, systemd and the shells. */
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { install, installedPaths } from "../../agent/certificate/installed.ts";
import { selfSigned } from "../../agent/certificate/self-signed.ts";
import { renderForward } from "../../agent/handover/forward-config.ts";
import { addToUnits } from "../../agent/keeping/unit-files.ts";
import { appEnvironment, prepareScript } from "../../agent/serving/app-environment.ts";
import { type NginxSite, renderNginx } from "../../agent/serving/nginx-config.ts";
import { siteNginx } from "../../agent/serving/site-nginx.ts";
import { mountStatic } from "../../agent/serving/static-mount.ts";
import { longestTimeout } from "../../agent/site/config/app.ts";
import { isInAppFolder, keptName } from "../../agent/site/config/state.ts";
import { poll } from "../../agent/site/poll.ts";
import { renderEnvironment } from "../../agent/system/environment-file.ts";
import { keptPlaces, paths } from "../../agent/system/paths.ts";
import type { Units } from "../../agent/system/units.ts";
import type { BootConfig } from "../../user-data/boot-config.ts";
import { renderBootstrap } from "../../user-data/render.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";
import { acceptedConfig } from "../provisioner/config/arbitrary.ts";

const ADDRESS = "127.0.0.23";
const NAME = "example.test";
/** Of the properties together; what is not tried until then is tried another time. */
const SECONDS = 14;

let folder: string;
let certificate: ReturnType<typeof installedPaths>;

beforeAll(async () => {
  requireSandbox();
  folder = mkdtempSync(path.join(tmpdir(), "everspot-configuration-"));
  await install(path.join(folder, "certificates"), selfSigned([NAME], new Date()));
  certificate = installedPaths(path.join(folder, "certificates"));
  await execa("chmod", ["a+rx", folder]);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** nginx keeps its own files in this test's folder. */
function writeNginx(text: string): string {
  const file = path.join(folder, "nginx.conf");
  const here = text
    .replace(/^pid .*$/m, `pid ${folder}/nginx.pid;`)
    .replace(/syslog:\S+tag=(\w+)/g, `${folder}/$1.log`)
    .replaceAll(paths.answers, `${folder}/answers`);
  writeFileSync(file, here);
  return file;
}

test("every configuration that is accepted is one for nginx, for systemd and for the shells", async () => {
  let count = 0;
  const units = copyUnits("of-a-site");
  await fc.assert(
    fc.asyncProperty(acceptedConfig, async (accepted) => {
      // What the nginx of both understands.
      const config: BootConfig = { ...accepted, image: { ...accepted.image, os: "debian-12" } };
      const nginx = writeNginx(siteNginx(config, ADDRESS, { ...certificate, source: "stored" }));
      const { PYTHONPATH: _, ...env } = config.app.env;
      const plain = Object.fromEntries(Object.entries(env).filter(([, v]) => v !== "" && !v.includes("$")));
      const [byShell, bySystemd] = await Promise.all([
        readByShell(appEnvironment(config, "r000001", "/releases/r000001", {})),
        readBySystemd(renderEnvironment(plain)),
        execa("nginx", ["-t", "-q", "-c", nginx]),
        execa("nginx", ["-t", "-q", "-c", writeForward(config)]),
        execa("bash", ["-n"], { input: renderBootstrap(config) }),
        execa("sh", ["-n"], { input: prepareScript(config.app.beforeStart) }),
        mountIn(
          units,
          (config.app.static ?? []).map((files) => files.folder),
        ),
        keepIn(units, config),
      ]);
      expect(await complaints(units, APP)).toBe("");
      expect(byShell).toMatchObject(env);
      expect(bySystemd).toMatchObject(plain);
      count++;
    }),
    { numRuns: 150, interruptAfterTimeLimit: SECONDS * 1000 },
  );
  expect(count).toBeGreaterThanOrEqual(10);
});

/** Of the forwarder of a hand-over. */
function writeForward({ app }: BootConfig): string {
  const file = path.join(folder, "forward.conf");
  const text = renderForward({
    ...{ socket: path.join(folder, "forward.sock"), pid: path.join(folder, "forward.pid"), log: "stderr" },
    ...{ to: { address: ADDRESS, port: 8079 }, app: paths.socket },
    ...{ timeout: longestTimeout(app), live: app.asgi !== undefined },
  });
  writeFileSync(file, text);
  return file;
}

/** The variables of an environment file, by a shell, which quotes as systemd does. */
async function readByShell(text: string): Promise<Record<string, string>> {
  const file = path.join(folder, "app.env");
  writeFileSync(file, text);
  const { stdout } = await execa("sh", ["-c", `set -a; . ${file}; env -0`], { extendEnv: false });
  return Object.fromEntries(stdout.split("\0").map(pair));
}

const GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";

/** By systemd's own parser, in the one program that shows what it read; that one also expands `$`. */
async function readBySystemd(text: string): Promise<Record<string, string>> {
  const home = path.join(folder, "home");
  mkdirSync(path.join(home, ".config/environment.d"), { recursive: true });
  writeFileSync(path.join(home, ".config/environment.d/app.conf"), text);
  const { stdout } = await execa(GENERATOR, { env: { HOME: home }, extendEnv: false });
  return Object.fromEntries(
    stdout.split("\n").map((line) => {
      const [name, value] = pair(line);
      const quoted = /^"(.*)"$/.exec(value)?.[1];
      return [name, quoted?.replace(/\\(.)/g, (_, c) => ({ n: "\n", t: "\t" })[c as string] ?? c) ?? value];
    }),
  );
}

const pair = (line: string): [string, string] => [
  line.slice(0, line.indexOf("=")),
  line.slice(line.indexOf("=") + 1),
];

const APP = ["everspot-app@r000001.service", "everspot-prepare@r000001.service"];

function copyUnits(name: string): string {
  const units = path.join(folder, name);
  cpSync("user-data/units", units, { recursive: true });
  // The agent is not here.
  const agent = path.join(units, "everspot.service");
  const text = readFileSync(agent, "utf8").replaceAll("/opt/everspot/current/node", process.execPath);
  writeFileSync(agent, text);
  return units;
}

/** As the agent does before an app with static files starts. */
async function mountIn(unitFiles: string, names: readonly string[]): Promise<void> {
  const units: Partial<Units> = { list: async () => [] };
  if (names.length > 0) {
    await mountStatic({ units: units as Units, static: "/var/lib/everspot/static", unitFiles }, names);
  }
}

/** As the agent does where the site keeps what it writes; and the script is one for a shell, which finds the same names. */
async function keepIn(unitFiles: string, { state }: BootConfig): Promise<void> {
  const places = keptPlaces(path.join(folder, "kept"), path.join(folder, "keeper"));
  const units: Partial<Units> = { list: async () => [] };
  rmSync(places.links, { force: true });
  mkdirSync(path.dirname(places.links), { recursive: true });
  await addToUnits(units as Units, unitFiles, places, state);
  if (!existsSync(places.links)) return;
  const own = mkdtempSync(path.join(folder, "own-"));
  await execa("sh", [places.links, "r000001"], { env: { STATE_DIRECTORY: own } });
  const all = [...(state?.database ?? []), ...(state?.media === undefined ? [] : [state.media])];
  for (const name of all.filter(isInAppFolder)) {
    expect(lstatSync(path.join(own, keptName(name))).isSymbolicLink()).toBe(true);
  }
  rmSync(own, { recursive: true });
}

/** What systemd says of units in this folder, which is nothing where it ignores nothing. */
async function complaints(units: string, names: readonly string[]): Promise<string> {
  const { all } = await execa("systemd-analyze", ["verify", "--man=no", ...names], {
    all: true,
    env: { SYSTEMD_UNIT_PATH: `${units}:` },
  });
  return all;
}

test("the units are without fault", async () => {
  const others = [
    "everspot.service",
    "nginx-forward.service",
    "nginx-hold.service",
    "nginx.service",
    "everspot-app.slice",
  ];
  expect(await complaints(copyUnits("units"), [...APP, ...others])).toBe("");
});

/** As people write them. */
const FOLDERS: [url: string, folder: string, asked: string][] = [
  ["/static/", "staticfiles", "/static/a.txt"],
  ["/static/", "static files", "/static/a.txt"],
  ["/static/", "static+v2", "/static/a.txt"],
  ["/static/", "static@1", "/static/a.txt"],
  ["/~me/static/", "~me/static", "/~me/static/a.txt"],
  ["/größe/", "Größe", "/gr%C3%B6%C3%9Fe/a.txt"],
  ["/static%20files/", "a;b{c}'d", "/static%20files/a.txt"],
  ["/v1.2+(x)/", "v1.2+(x)", "/v1.2+(x)/a.txt"],
];

test.each(FOLDERS)("nginx serves %s from the folder %s", async (url, name, asked) => {
  const release = path.join(folder, "release");
  mkdirSync(path.join(release, name), { recursive: true });
  writeFileSync(path.join(release, name, "a.txt"), "a file");
  const closing = path.join(folder, "closing");
  const site: NginxSite = {
    address: ADDRESS,
    names: [NAME],
    tls: { chain: certificate.fullchain, key: certificate.key },
    trusted: false,
    socket: path.join(folder, "app.sock"),
    forwarding: { marker: path.join(folder, "forwarding"), socket: path.join(folder, "forward.sock") },
    closing,
    forwardPort: 8079,
    maintenance: { marker: path.join(folder, "on"), page: path.join(folder, "page"), allowed: folder },
    static: [{ url, folder: path.join(release, name), before: path.join(release, "before") }],
    ...{ paths: [], live: false, headers: {} },
    timeout: 10,
    hsts: 0,
    maxBody: 32,
    os: "debian-12",
  };
  const nginx = execa("nginx", ["-c", writeNginx(renderNginx(site)), "-g", "daemon off;"], { reject: false });
  try {
    const answer = await poll("nginx", () => ask(asked), { seconds: 5, everySeconds: 0.05 });
    expect(answer).toBe("200 a file");
    writeFileSync(closing, "");
    expect(await ask(asked)).toEqual({ done: "200 a file" });
  } finally {
    rmSync(closing, { force: true });
    nginx.kill("SIGTERM");
    await nginx;
  }
});

function ask(url: string): Promise<{ done: string } | { waiting: string }> {
  return new Promise((resolve) => {
    http
      .get({ host: ADDRESS, path: url, headers: { host: NAME }, agent: false }, async (answer) => {
        const text = Buffer.concat(await answer.toArray()).toString();
        resolve({ done: `${answer.statusCode} ${text}` });
      })
      .on("error", (error) => resolve({ waiting: error.message }));
  });
}
