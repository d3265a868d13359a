import { readFile } from "node:fs/promises";
import path from "node:path";
import { complainAboutDomain } from "../../agent/site/config/domain.ts";
import { EverspotError, USAGE } from "../../agent/site/errors.ts";
import { createClients } from "../aws/clients.ts";
import { createDns } from "../aws/dns.ts";
import { parseConfig } from "../config/load.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { refuseErrors, sorted } from "../findings/finding.ts";
import { unpackable as whyNot } from "../findings/unpackable.ts";
import { diffLines } from "../init/diff.ts";
import { prepare } from "../init/learn.ts";
import { siteNameFrom } from "../init/names.ts";
import type { Proposal } from "../init/propose.ts";
import { tryOut } from "../init/trial.ts";
import { type Compared, compare, writeFiles } from "../init/write.ts";
import { showFindings } from "../operator/show-findings.ts";
import type { Terminal } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import { layoutOf } from "../project/layout.ts";

export interface InitOptions {
  /** Path of everspot.toml. */
  config: string;
  site?: string | undefined;
  region?: string | undefined;
  domain?: string | undefined;
}

type InitTools = Pick<Tools, "terminal" | "questions" | "interrupted">;

/** `everspot init`: learns what the project is, and writes everspot.toml and what goes with it. */
export async function runInit(tools: InitTools, options: InitOptions): Promise<void> {
  const { terminal, interrupted } = tools;
  const file = path.resolve(options.config);
  const top = path.dirname(file);
  const existing = await existingConfig(file);
  const layout = await layoutOf(top, existing?.app.root);
  if (!layout.files.some((f) => f.path.endsWith(".py"))) throw noProject(top);
  const signal = interrupted();
  const working = { env: process.env, onProgress: () => {}, signal };
  const names = await namesFor(tools, top, options, existing);
  const { situation, packed, unpackable, lacking } = await step(terminal, "look at the project", () =>
    prepare(layout, {
      ...working,
      os: existing?.image.os,
      without: existing?.release.without,
      debianPackages: existing?.image.packages,
    }),
  );
  try {
    const { settings, wsgi } = situation.learnt;
    if (settings === undefined && wsgi === undefined) throw noProject(top);
    const { proposal, findings, learnt } = await step(terminal, "try the proposal", () =>
      tryOut(file, { ...situation, ...names }, { ...working, packed: async () => packed?.interpreter }),
    );
    const all = sorted([
      ...(unpackable === undefined ? lacking : whyNot(unpackable)),
      ...findings.filter((f) => existing?.silence.includes(f.id) !== true),
    ]);
    const how = learnt.how;
    terminal.say(`  ${how}`);
    for (const other of layout.others)
      terminal.warn(`there is another manage.py in ${other || "."}: [app] root chooses`);
    const files = await compare(top, proposal.files);
    const written = await offer(tools, top, files, existing !== undefined);
    showFindings(
      terminal,
      all.filter((f) => f.level === "warning"),
    );
    tell(tools, proposal, written);
    terminal.print(
      all.some((f) => f.level === "error")
        ? "next: correct what follows, and run `everspot init` again"
        : `next: \`everspot plan\` shows what would be done for https://${names.domain}, and what it costs`,
    );
    terminal.json({
      command: "init",
      how,
      asked: learnt.asked,
      files: files.map(({ path: name, state, why }) => ({
        path: name,
        why,
        state,
        written: written.has(name),
      })),
      config: proposal.draft,
      wanted: proposal.wanted,
      findings: all,
    });
    refuseErrors("the project cannot be served as it is", all);
  } finally {
    await packed?.dispose();
  }
}

const noProject = (folder: string): EverspotError =>
  new EverspotError("there is no Django project here (project.E001)", {
    resource: folder,
    hint: "run `everspot init` in the project's folder, that of its manage.py or one above",
    exitCode: USAGE,
  });

async function step<T>(terminal: Terminal, what: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now();
  const seconds = () => (Date.now() - began) / 1000;
  terminal.begin(what);
  try {
    const value = await work();
    terminal.done(what, seconds(), undefined);
    return value;
  } catch (error) {
    terminal.failed(what, seconds());
    throw error;
  }
}

async function existingConfig(file: string): Promise<SiteConfig | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : parseConfig(text, file);
}

const DEFAULT_REGION = "us-east-1";

async function namesFor(
  { questions, terminal }: InitTools,
  top: string,
  options: InitOptions,
  existing: SiteConfig | undefined,
): Promise<{ site: string; region: string; domain: string }> {
  const site = options.site ?? existing?.site ?? siteNameFrom(path.basename(top));
  const region =
    options.region ??
    existing?.region ??
    process.env.AWS_REGION ??
    process.env.AWS_DEFAULT_REGION ??
    DEFAULT_REGION;
  const known = options.domain ?? existing?.domain;
  const complain = (name: string): string | undefined => complainAboutDomain(name)?.message;
  const domain =
    known ?? (await questions.text("The site's name in DNS:", await domainFromZones(site, region), complain));
  const wrong = complain(domain);
  if (wrong !== undefined) {
    throw new EverspotError(domain === "" ? "the site needs a name in DNS" : wrong, {
      hint: "name it: --domain blog.example.com; its zone must be in Route 53",
      exitCode: USAGE,
    });
  }
  if (known === undefined) terminal.say(`the site's name in DNS: ${domain}`);
  return { site, region, domain };
}

/** Milliseconds. */
const PATIENCE = 10_000;

/** A name in the account's only public zone; nothing where there are none or several, or AWS cannot be asked. */
async function domainFromZones(site: string, region: string): Promise<string> {
  const clients = createClients(region);
  try {
    const late = new Promise<[]>((resolve) => setTimeout(() => resolve([]), PATIENCE).unref());
    const zones = await Promise.race([createDns(clients.route53).zones(), late]);
    const [only, second] = zones;
    return only === undefined || second !== undefined ? "" : `${site}.${only.name}`;
  } catch {
    return "";
  } finally {
    clients.destroy();
  }
}

/** Shows what is new and what differs, asks, and writes. @returns the paths that were written. */
async function offer(
  { terminal, questions }: InitTools,
  top: string,
  files: readonly Compared[],
  again: boolean,
): Promise<Set<string>> {
  for (const { path: name, before, text, state, why } of files) {
    if (state === "same") continue;
    terminal.print(`${terminal.style.bold(name)}  ${state === "new" ? why : "changes:"}`);
    for (const line of diffLines(before ?? "", text)) terminal.print(`  ${line}`);
    terminal.print("");
  }
  const fresh = files.filter((f) => f.state === "new" || f.state === "added" || f.state === "older");
  if (fresh.length > 0) await questions.agree(`Write ${fresh.map((f) => f.path).join(", ")}?`);
  const chosen = [...fresh];
  for (const file of files) {
    if (file.state !== "differs") continue;
    if (await questions.replace(`Replace ${file.path} and lose what you changed in it?`)) chosen.push(file);
    else terminal.say(`kept ${file.path} as it is`);
  }
  if (again && chosen.length === 0) terminal.print("nothing to write: what is there stays");
  await writeFiles(top, chosen);
  return new Set(chosen.map((f) => f.path));
}

function tell({ terminal }: InitTools, { wanted }: Proposal, written: ReadonlySet<string>): void {
  for (const name of written) terminal.print(`${terminal.style.green("✓")} wrote ${name}`);
  if (wanted.length > 0) {
    terminal.print("before it can start, the app needs:");
    for (const { name, secret, where } of wanted) {
      const from = where === undefined ? "" : `  (${where})`;
      terminal.print(`  ${secret ? `everspot secret set ${name}` : `[app.env] ${name} = "…"`}${from}`);
    }
  }
}
