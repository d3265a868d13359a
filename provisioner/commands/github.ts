import { EverspotError, USAGE } from "../../agent/site/errors.ts";
import { runActions } from "../apply/run.ts";
import { type Aws, connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { PublicDns } from "../operator/resolver.ts";
import type { Tools } from "../operator/tools.ts";
import { currentOf } from "../seen/current.ts";
import { observeSite } from "../seen/observe.ts";
import { chooseZone } from "../seen/zone.ts";
import { deployPolicy, deployTrust, GITHUB_AUDIENCE, type Trusted } from "../wanted/deploy-policy.ts";
import type { PolicyDocument } from "../wanted/policy.ts";
import { sameDocument } from "../wanted/same.ts";

export interface GithubOptions {
  /** "OWNER/NAME". */
  repo: string;
  branch?: string;
  environment?: string;
  ownerId?: string;
  repoId?: string;
  /** It may bring new agents, launch templates and images, which makes whoever has the role root on the site. */
  withAgent: boolean;
}

type Action =
  | { do: "create-provider" | "add-audience" }
  | { do: "create-role" | "set-trust"; trust: PolicyDocument }
  | { do: "set-policy"; policy: PolicyDocument; withAgent: boolean };

const PATIENCE = 60;

/** `everspot github`: lets one branch or environment of a repository deploy this site, with no key anywhere. */
export async function runGithub(config: SiteConfig, tools: Tools, options: GithubOptions): Promise<void> {
  const { terminal, clock, questions } = tools;
  const trusted = trustedOf(options);
  const aws = await connect(config, clock);
  try {
    const { withAgent } = options;
    const actions = await plan(config, aws, tools.publicDns, { trusted, withAgent });
    const who = describeTrusted(trusted);
    for (const action of actions) terminal.print(`  ${describe(action)}`);
    if (actions.length > 0) await questions.agree(`Let ${who} deploy ${config.site}?`);
    const execute = (action: Action) => apply(aws, action);
    const applied = await runActions(actions, {
      describe,
      execute,
      progress: terminal,
      patience: PATIENCE,
      clock,
    });
    const role = aws.github.roleArn;
    terminal.json({ command: "github", site: config.site, role, withAgent, trusted, actions: applied });
    terminal.print(`${who} may deploy ${config.site} with the role`);
    terminal.print(`  ${role}`);
    terminal.print(
      "In the workflow: `permissions: { id-token: write, contents: read }` and, for the action, `role:`.",
    );
    for (const line of advice(config.site, trusted, withAgent)) terminal.print(line);
  } finally {
    aws.close();
  }
}

/** What the role means, and how to keep it small. */
function advice(site: string, { ref }: Trusted, withAgent: boolean): string[] {
  const holder = withAgent
    ? `Whoever gets it is root on the instances of ${site}: it brings agents and user data, too.`
    : `It brings releases, which run as the app's user. New agents and launch templates come with \`everspot deploy\` at a terminal; with --with-agent this role would bring them, and be root on the instances.`;
  const environment =
    "branch" in ref
      ? [
          `Better than a branch, which everyone who may push to it decides on: --environment NAME, with required reviewers set for it in GitHub (Settings → Environments).`,
        ]
      : [
          `Set required reviewers for the environment ${ref.environment} in GitHub (Settings → Environments), and limit it to the branches that may deploy.`,
        ];
  return [holder, ...environment];
}

function trustedOf(options: GithubOptions): Trusted {
  const [, owner, repository] = /^([A-Za-z0-9-]+)\/([A-Za-z0-9._-]+)$/.exec(options.repo) ?? [];
  if (owner === undefined || repository === undefined) {
    throw new EverspotError(`--repo must be OWNER/NAME, not ${JSON.stringify(options.repo)}`, {
      exitCode: USAGE,
    });
  }
  const { branch, environment, ownerId, repoId } = options;
  if (branch !== undefined && environment !== undefined) {
    throw new EverspotError("give --branch or --environment, not both", {
      hint: "AWS sees only the environment of a job that has one; limit that environment to branches in GitHub",
      exitCode: USAGE,
    });
  }
  for (const text of [branch, environment]) {
    // IAM would take them for wildcards.
    if (text !== undefined && (text === "" || /[*?$]/.test(text))) {
      throw new EverspotError(`${JSON.stringify(text)} does not name one branch or environment`, {
        exitCode: USAGE,
      });
    }
  }
  for (const id of [ownerId, repoId]) {
    if (id !== undefined && !/^\d+$/.test(id)) {
      throw new EverspotError(`${JSON.stringify(id)} is not a numeric id of GitHub`, { exitCode: USAGE });
    }
  }
  if ((ownerId === undefined) !== (repoId === undefined)) {
    throw new EverspotError("--owner-id and --repo-id go together", { exitCode: USAGE });
  }
  return {
    owner,
    repository,
    ref: environment === undefined ? { branch: branch ?? "main" } : { environment },
    ...(ownerId === undefined || repoId === undefined ? {} : { ownerId, repositoryId: repoId }),
  };
}

const describeTrusted = ({ owner, repository, ref }: Trusted): string =>
  `${"branch" in ref ? `branch ${ref.branch}` : `environment ${ref.environment}`} of ${owner}/${repository}`;

async function plan(
  config: SiteConfig,
  aws: Aws,
  publicDns: PublicDns,
  { trusted, withAgent }: { trusted: Trusted; withAgent: boolean },
): Promise<Action[]> {
  const [site, seen, chosen] = await Promise.all([
    observeSite(aws),
    aws.github.look(),
    chooseZone(config.domain, aws, publicDns),
  ]);
  const { fleet, template } = currentOf(site);
  if (fleet === undefined || template === undefined || chosen === undefined) {
    throw new EverspotError(`${config.site} is not up, and the role is made for its fleet alone`, {
      hint: "run `everspot up` first",
    });
  }
  const { account } = aws.caller;
  const { partition } = aws;
  const trust = deployTrust(trusted, { account, partition });
  const where = { account, partition, hostedZone: chosen.zone.id, template: template.id };
  const policy = deployPolicy(config, where, withAgent);
  const actions: Action[] = [];
  if (seen.provider === undefined) actions.push({ do: "create-provider" });
  else if (!seen.provider.audiences.includes(GITHUB_AUDIENCE)) actions.push({ do: "add-audience" });
  if (seen.role === undefined) actions.push({ do: "create-role", trust });
  else if (!sameDocument(seen.role.trust, trust)) actions.push({ do: "set-trust", trust });
  if (!sameDocument(seen.role?.policy, policy)) actions.push({ do: "set-policy", policy, withAgent });
  return actions;
}

function describe(action: Action): string {
  switch (action.do) {
    case "create-provider":
      return "create the account's OIDC provider for GitHub Actions";
    case "add-audience":
      return `let the account's OIDC provider for GitHub take tokens for ${GITHUB_AUDIENCE}`;
    case "create-role":
      return "create the deploy role";
    case "set-trust":
      return "set who may use the deploy role";
    case "set-policy":
      return action.withAgent
        ? "set what the deploy role may do: this site's releases, agent, launch template, images, fleet and instances"
        : "set what the deploy role may do: this site's releases, fleet and instances";
  }
}

async function apply({ github }: Aws, action: Action): Promise<undefined> {
  switch (action.do) {
    case "create-provider":
      return void (await github.createProvider());
    case "add-audience":
      return void (await github.addAudience());
    case "create-role":
      return void (await github.createRole(action.trust));
    case "set-trust":
      return void (await github.setTrust(action.trust));
    case "set-policy":
      return void (await github.setPolicy(action.policy));
  }
}
