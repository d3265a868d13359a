/** The action and examples/deploy.yml, out of a commit alone: step by step, as a runner does it. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { runGithub } from "../../provisioner/commands/github.ts";
import { GITHUB, type GithubTokens, startGithubTokens } from "../provisioner/deploy/github-tokens.ts";
import { openSwapSite, type SwapSite } from "../provisioner/deploy/swapping.ts";
import { MINIMAL } from "../provisioner/site.ts";
import { archiveTo, cloneTo, git, noRegistry, offline, releaseIn, root, versionHere } from "./clone.ts";
import { type Outside, startOutside } from "./outside.ts";
import { type Job, type Ran, runAction, runWorkflow } from "./runner.ts";

/** Debian's, for no registry is in reach. */
const DJANGO = '[image]\npackages = ["python3-django"]\n';
const role = "arn:aws:iam::123456789012:role/everspot-blog-deploy";

let folder: string;
let site: SwapSite;
let github: GithubTokens;
let outside: Outside;
/** Commits of a clone, and where what they hold lies. */
let release: { commit: string; holds: string };
let source: { commit: string; holds: string };
let project: string;
let job: Job;
/** The Node programs that ran, and what of AWS's and GitHub's variables each found. */
let programs: () => { program: string; variables: string[] }[];

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "everspot-action-"));
  const clone = path.join(folder, "clone");
  await cloneTo(clone);
  release = await held(clone, await releaseIn(clone), "release");
  source = await held(clone, await git(clone, "rev-parse", "HEAD"), "source");
  rmSync(clone, { recursive: true });

  github = await startGithubTokens({ sub: "repo:ann@1/blog@2:ref:refs/heads/main", repository: "ann/blog" });
  const cloud = { oidcKeys: { [GITHUB]: github.jwks } };
  site = await openSwapSite({ realTime: true, drain: 3, toml: DJANGO, cloud });
  await runGithub(site.config, site.tools, { repo: "ann/blog", withAgent: false });
  outside = await startOutside(folder, site.dns.address, "blog.example.com");
});
afterAll(async () => {
  await site?.close();
  await github?.close();
  outside?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function held(clone: string, commit: string, name: string) {
  const holds = path.join(folder, name);
  mkdirSync(holds);
  await archiveTo(clone, commit, holds);
  return { commit, holds };
}

beforeEach(() => {
  const at = mkdtempSync(path.join(folder, "job-"));
  project = path.join(at, "project");
  for (const name of ["project", "temp", "home"]) mkdirSync(path.join(at, name));
  writeFileSync(
    path.join(project, "everspot.toml"),
    `${MINIMAL}[fleet]\nbridge = true\n[dns]\ndrain = 3\n${DJANGO}`,
  );
  writeFileSync(path.join(project, "manage.py"), "print('a project')\n");
  mkdirSync(path.join(project, "blog"));
  writeFileSync(path.join(project, "blog/__init__.py"), "");
  writeFileSync(path.join(project, "blog/wsgi.py"), "application = print\n");
  const [seen, watch] = [path.join(at, "programs"), path.join(at, "watch.mjs")];
  writeFileSync(seen, "");
  writeFileSync(
    watch,
    `import { appendFileSync } from "node:fs";
     const variables = Object.keys(process.env).filter((name) => /^(AWS|ACTIONS)_/.test(name));
     appendFileSync(${JSON.stringify(seen)}, JSON.stringify({ program: process.argv.slice(1).join(" "), variables }) + "\\n");`,
  );
  programs = () => {
    const lines = readFileSync(seen, "utf8").split("\n").filter(Boolean);
    return lines.map((line) => JSON.parse(line));
  };
  job = {
    workspace: project,
    temp: path.join(at, "temp"),
    vars: { EVERSPOT_ROLE: role },
    action: (uses) => {
      if (uses === `EVERSPOT-OWNER/everspot@${release.commit}`) return release.holds;
      if (uses === `EVERSPOT-OWNER/everspot@${source.commit}`) return source.holds;
      expect(uses).toMatch(/^actions\/checkout@[0-9a-f]{40}$/);
      return undefined;
    },
    env: {
      PATH: process.env.PATH ?? "",
      HOME: path.join(at, "home"),
      XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? path.join(process.env.HOME ?? "/root", ".cache"),
      GITHUB_ACTIONS: "true",
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_REPOSITORY: "ann/blog",
      GITHUB_RUN_ID: "4711",
      GITHUB_ACTOR: "ann",
      ACTIONS_ID_TOKEN_REQUEST_URL: github.requestUrl,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: github.requestToken,
      AWS_ENDPOINT_URL: site.cloud.endpoint,
      AWS_EC2_METADATA_DISABLED: "true",
      AWS_CONFIG_FILE: "/dev/null",
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      NODE_OPTIONS: `${outside.options} --import ${watch}`,
      ...noRegistry,
    },
  };
});

/** The example as a project has it, with a commit filled in. */
function workflow(commit: string): string {
  const file = path.join(folder, "deploy.yml");
  const example = readFileSync(path.join(root, "examples/deploy.yml"), "utf8");
  writeFileSync(file, example.replace("everspot@COMMIT", `everspot@${commit}`));
  return file;
}

const deploy = (inputs: Record<string, string> = {}): Promise<Ran> =>
  runAction(`EVERSPOT-OWNER/everspot@${release.commit}`, { role, ...inputs }, job);

test("a release holds what runs beside what its source holds, and has nothing left to build", () => {
  const below = (at: string) => new Set(readdirSync(at, { recursive: true }).map(String));
  const [more, less] = [below(release.holds), below(source.holds)];
  expect([...less].filter((file) => !more.has(file))).toEqual([]);
  const added = [...more].filter((file) => !less.has(file)).sort();
  expect(added).toEqual(["dist", "dist/agent.mjs", "dist/everspot.mjs", "dist/state.mjs"]);
  const { scripts } = JSON.parse(readFileSync(path.join(release.holds, "package.json"), "utf8"));
  expect(scripts.prepare).toBeUndefined();
});

test("a release is installed as it is, with no registry in reach", async () => {
  const prefix = path.join(folder, "installed");
  await execa("npm", ["install", "--global", "--prefix", prefix, release.holds], {
    cwd: folder,
    env: noRegistry,
  });
  const { stdout } = await execa(path.join(prefix, "bin/everspot"), ["--version"], { cwd: folder });
  expect(stdout).toBe(await versionHere());
});

test("the example deploys from a release commit alone, with a session of the role, and tells how it went", async () => {
  const before = await site.site();
  const mark = site.cloud.mark();
  const { codes, said, outputs, summary } = await runWorkflow(workflow(release.commit), job);
  expect(said).toContain("is served by");
  expect(codes).toEqual({
    "Make everspot ready": 0,
    "Fetch what instances run": 0,
    "Get a token for AWS": 0,
    Deploy: 0,
    "Forget the token": 0,
    [last(codes)]: 0,
  });
  const after = await site.site();
  expect(after?.owner).not.toBe(before?.owner);
  expect(outputs.everspot).toMatchObject({
    ...{ release: after?.release, url: "https://blog.example.com/", "failed-requests": "0" },
    seconds: expect.stringMatching(/^\d+(\.\d+)?$/),
  });
  expect(said).toMatch(new RegExp(`^${after?.release} is live after [\\d.]+ s$`, "m"));
  expect(summary).toContain(`✅ ${after?.release} serves https://blog.example.com/`);
  expect(summary).toMatch(/0 of \d+ requests failed/);
  expect(summary).toMatch(/\| ✓ \| hand over \| [\d.]+ s \| [\d.]+ s \|/);
  expect((await site.lock())?.by).toBe("https://github.com/ann/blog/actions/runs/4711 (ann)");
  // Everything through the role, nothing with keys of a person.
  const modified = site.cloud.writes(mark).filter((c) => c.operation === "ModifyFleet");
  expect(modified.length).toBeGreaterThan(1);
  const me = site.cloud.wire.calls.slice(mark).find((c) => c.operation === "GetCallerIdentity")?.accessKeyId;
  expect(new Set(modified.map((c) => c.accessKeyId))).toEqual(new Set([me]));
  expect(me).toMatch(/^ASIA/);
  expect(existsSync(path.join(job.temp, "everspot-token"))).toBe(false);
  expect(programs().filter(({ program }) => /npm|tsx/.test(program))).toEqual([]);
});

const last = (codes: Ran["codes"]): string => Object.keys(codes).at(-1) ?? "";

test("with bake, an image is made of the instance that serves", async () => {
  await runGithub(site.config, site.tools, { repo: "ann/blog", withAgent: true });
  writeFileSync(path.join(project, "newer.py"), "print('newer')\n");
  const { codes, summary } = await deploy({ bake: "true" });
  expect(codes).toMatchObject({ Deploy: 0 });
  expect(summary).toMatch(/\| ✓ \| make an image of i-\w+ \|/);
});

test("a release that does not work: the job fails, and its summary says why", async () => {
  const before = await site.site();
  writeFileSync(path.join(project, "broken.py"), "import nothing\n");
  site.agents.next = { blame: "gunicorn ended with 1", lines: ["ModuleNotFoundError: nothing"] };
  const { codes, summary } = await deploy();
  expect(codes).toMatchObject({ Deploy: 1, "Forget the token": 0 });
  expect(summary).toMatch(/❌ Deploy of r\d+-\w+ failed/);
  expect(summary).toContain("ModuleNotFoundError: nothing");
  expect((await site.site())?.owner).toBe(before?.owner);
});

test("a commit that is no release is built from its lockfile, as the release was, with no credentials in reach", async () => {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: _, npm_config_registry: __, ...env } = job.env;
  const keys = { AWS_ACCESS_KEY_ID: "AKIATEST", AWS_SECRET_ACCESS_KEY: "of-a-person" };
  const HOME = process.env.HOME ?? "/root";
  const { codes, said } = await runWorkflow(workflow(source.commit), {
    ...job,
    env: { ...env, ...keys, ...offline, HOME },
  });
  // A job that may not ask for a token is told what is missing.
  expect(codes).toEqual({
    "Make everspot ready": 0,
    "Fetch what instances run": 0,
    "Get a token for AWS": 1,
    "Forget the token": 0,
  });
  expect(said).toContain("id-token: write");
  for (const file of ["dist/everspot.mjs", "dist/agent.mjs", "dist/state.mjs"]) {
    const built = readFileSync(path.join(source.holds, file));
    expect(built.equals(readFileSync(path.join(release.holds, file))), file).toBe(true);
  }
  const ran = programs();
  expect(ran.map(({ program }) => program).join("\n")).toMatch(
    /npm\S* ci --ignore-scripts[\s\S]*scripts\/build\.ts/,
  );
  expect(ran.filter(({ variables }) => variables.length > 0)).toEqual([]);
});
