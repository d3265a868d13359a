import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { runGithub } from "../../provisioner/commands/github.ts";
import { GITHUB, type GithubTokens, startGithubTokens } from "../provisioner/deploy/github-tokens.ts";
import { openSwapSite, type SwapSite } from "../provisioner/deploy/swapping.ts";
import { MINIMAL } from "../provisioner/site.ts";

const root = path.resolve(import.meta.dirname, "../..");

interface Step {
  name: string;
  id?: string;
  if?: string;
  uses?: string;
  shell?: string;
  run?: string;
  env?: Record<string, string>;
}
interface Action {
  inputs: Record<string, { default?: string }>;
  outputs: Record<string, { value: string }>;
  runs: { using: string; steps: Step[] };
}
const action = parse(readFileSync(path.join(root, "action.yml"), "utf8")) as Action;

let folder: string;
let site: SwapSite;
let github: GithubTokens;
/** The site, as a visitor finds it. */
let outside: http.Server;
let job: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "everspot-action-"));
  github = await startGithubTokens({ sub: "repo:ann@1/blog@2:ref:refs/heads/main", repository: "ann/blog" });
  site = await openSwapSite({ realTime: true, drain: 3, cloud: { oidcKeys: { [GITHUB]: github.jwks } } });
  await runGithub(site.config, site.tools, { repo: "ann/blog" });
  outside = http.createServer((_, response) => response.end("ok"));
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  const { port } = outside.address() as AddressInfo;
  // DNS leads to the local AWS's name server, and the site's name to a server of this test.
  const preload = path.join(folder, "outside.mjs");
  writeFileSync(
    preload,
    `import { Resolver } from "node:dns/promises"; import http from "node:http"; import https from "node:https";
     const { resolveNs } = Resolver.prototype;
     Resolver.prototype.resolveNs = function (name) {
       this.setServers(["${site.dns.address}"]);
       return resolveNs.call(this, name);
     };
     const get = https.get;
     https.get = (url, options, then) => new URL(url).hostname === "blog.example.com"
       ? http.get({ host: "127.0.0.1", port: ${port}, path: new URL(url).pathname }, then) : get(url, options, then);`,
  );
  const project = path.join(folder, "project");
  await execa("mkdir", ["-p", project, path.join(folder, "temp"), path.join(folder, "home")]);
  writeFileSync(path.join(project, "everspot.toml"), `${MINIMAL}[dns]\ndrain = 3\n`);
  writeFileSync(path.join(project, "manage.py"), "print('a project')\n");
  job = {
    PATH: process.env.PATH ?? "",
    HOME: path.join(folder, "home"),
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? path.join(process.env.HOME ?? "/root", ".cache"),
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "ann/blog",
    GITHUB_RUN_ID: "4711",
    GITHUB_ACTOR: "ann",
    GITHUB_ENV: path.join(folder, "env"),
    GITHUB_OUTPUT: path.join(folder, "output"),
    GITHUB_STEP_SUMMARY: path.join(folder, "summary.md"),
    RUNNER_TEMP: path.join(folder, "temp"),
    ACTIONS_ID_TOKEN_REQUEST_URL: github.requestUrl,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: github.requestToken,
    AWS_ENDPOINT_URL: site.cloud.endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CONFIG_FILE: "/dev/null",
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    NODE_OPTIONS: `--import ${preload}`,
  };
});
afterAll(async () => {
  await site?.close();
  await github?.close();
  outside?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the action's steps as a runner does. @returns its outputs, and what each step came to. */
async function runAction(given: Record<string, string>) {
  const inputs = Object.fromEntries(
    Object.entries(action.inputs).map(([name, of]) => [name, given[name] ?? of.default ?? ""]),
  );
  const fill = (text: string): string =>
    text.replace(/\$\{\{ *inputs\.([\w-]+) *\}\}/g, (_, name: string) => inputs[name] ?? "");
  for (const file of ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
    writeFileSync(job[file] ?? "", "");
  const codes: Record<string, number | undefined> = {};
  let failed = false;
  let said = "";
  for (const step of action.runs.steps) {
    if (!applies(step.if, inputs, failed)) continue;
    if (step.uses !== undefined) {
      expect(step.uses).toMatch(/^actions\/setup-node@/);
      continue;
    }
    expect(step.shell).toBe("bash");
    // What a runner makes of `shell: bash` (docs.github.com, "Workflow syntax", shell).
    const script = path.join(folder, "temp", "step.sh");
    writeFileSync(script, fill(step.run ?? ""));
    const own = Object.entries(step.env ?? {}).map(([name, value]) => [name, fill(value)]);
    const done = await execa("bash", ["--noprofile", "--norc", "-eo", "pipefail", script], {
      cwd: path.join(folder, "project"),
      env: { ...job, ...variables(job.GITHUB_ENV ?? ""), ...Object.fromEntries(own) },
      extendEnv: false,
      reject: false,
      all: true,
    });
    codes[step.name] = done.exitCode;
    said += done.all;
    failed ||= done.exitCode !== 0;
  }
  const set = variables(job.GITHUB_OUTPUT ?? "");
  const outputs = Object.entries(action.outputs).map(([name, { value }]) => {
    const from = /^\$\{\{ steps\.deploy\.outputs\.([\w-]+) \}\}$/.exec(value)?.[1];
    if (from === undefined) throw new Error(`what is ${value}?`);
    return [name, set[from]];
  });
  const summary = readFileSync(job.GITHUB_STEP_SUMMARY ?? "", "utf8");
  return { codes, said, summary, outputs: Object.fromEntries(outputs) as Record<string, string | undefined> };
}

function applies(condition: string | undefined, inputs: Record<string, string>, failed: boolean): boolean {
  if (condition === undefined) return !failed;
  if (condition === "always()") return true;
  if (condition === "inputs.role != ''") return !failed && inputs.role !== "";
  throw new Error(`this test does not know the condition ${condition}`);
}

const variables = (file: string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );

const role = "arn:aws:iam::123456789012:role/everspot-blog-deploy";

test("the action deploys with a session of the role, and tells how it went", async () => {
  const before = await site.site();
  const mark = site.cloud.mark();
  const { codes, said, outputs, summary } = await runAction({ role, everspot: root, bake: "true" });
  expect(said).toContain("is served by");
  expect(codes).toEqual({
    "Install everspot": 0,
    "Get a token for AWS": 0,
    Deploy: 0,
    "Forget the token": 0,
  });
  const after = await site.site();
  expect(after?.owner).not.toBe(before?.owner);
  expect(outputs).toMatchObject({
    ...{ release: after?.release, url: "https://blog.example.com/", "failed-requests": "0" },
    seconds: expect.stringMatching(/^\d+(\.\d+)?$/),
  });
  expect(summary).toContain(`✅ ${after?.release} serves https://blog.example.com/`);
  expect(summary).toMatch(/0 of \d+ requests failed/);
  expect(summary).toMatch(/\| ✓ \| hand over \| [\d.]+ s \| [\d.]+ s \|/);
  expect(summary).toMatch(/\| ✓ \| make an image of i-\w+ \|/);
  expect((await site.lock())?.by).toBe("https://github.com/ann/blog/actions/runs/4711 (ann)");
  // Everything through the role, nothing with keys of a person.
  const modified = site.cloud.writes(mark).filter((c) => c.operation === "ModifyFleet");
  expect(modified.length).toBeGreaterThan(1);
  const me = site.cloud.wire.calls.slice(mark).find((c) => c.operation === "GetCallerIdentity")?.accessKeyId;
  expect(new Set(modified.map((c) => c.accessKeyId))).toEqual(new Set([me]));
  expect(me).toMatch(/^ASIA/);
  expect(() => readFileSync(path.join(folder, "temp", "everspot-token"))).toThrow("ENOENT");
});

test("a release that does not work: the job fails, and its summary says why", async () => {
  const before = await site.site();
  writeFileSync(path.join(folder, "project", "broken.py"), "import nothing\n");
  site.agents.next = { blame: "gunicorn ended with 1", lines: ["ModuleNotFoundError: nothing"] };
  const { codes, summary } = await runAction({ role, everspot: root });
  expect(codes).toMatchObject({ Deploy: 1, "Forget the token": 0 });
  expect(summary).toMatch(/❌ Deploy of r\d+-\w+ failed/);
  expect(summary).toContain("ModuleNotFoundError: nothing");
  expect((await site.site())?.owner).toBe(before?.owner);
});

test("a job that may not ask for a token is told what is missing", async () => {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: _, ...without } = job;
  const all = job;
  job = without;
  const { codes, said } = await runAction({ role, everspot: root });
  job = all;
  expect(codes).toMatchObject({ "Get a token for AWS": 1 });
  expect(codes.Deploy).toBeUndefined();
  expect(said).toContain("id-token: write");
});
