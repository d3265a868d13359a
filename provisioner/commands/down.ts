import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { MEDIA_PREFIX } from "../../agent/site/state/keys.ts";
import { downExecutor } from "../apply/down.ts";
import { isHeld } from "../apply/held.ts";
import { runActions } from "../apply/run.ts";
import { type Aws, connect } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";
import {
  type Deletes,
  type DownSeen,
  describeDown,
  keepsCertificate,
  leftovers,
  planDown,
  type Written,
} from "../plan/down.ts";
import { observeAcmLeft } from "../seen/acm.ts";
import { observeNotices } from "../seen/notices.ts";
import { observeDns, observeSite } from "../seen/observe.ts";

/**
 * `deleteData`: the bucket too with all releases and records, and the secrets. `deleteCertificate`: with them the
 * certificates, what was noted of their orders, and their copies in ACM.
 */
export type DownOptions = Deletes;

/** Seconds for AWS to let go of what was just deleted. */
const PATIENCE = 300;

/** `everspot down`: removes everything of the site, looks again, and says what is left. */
export async function runDown(
  config: SiteConfig,
  tools: Pick<Tools, "terminal" | "questions" | "clock" | "publicDns">,
  options: DownOptions,
): Promise<void> {
  const { terminal, clock, questions } = tools;
  if (options.deleteCertificate === true && !options.deleteData) {
    throw new EverspotError("the certificate is part of the site's data", {
      hint: "use --delete-certificate together with --delete-data",
      exitCode: 2,
    });
  }
  const began = clock.now();
  const aws = await connect(config, clock);
  try {
    const seen = await look(config, aws, tools, options);
    const actions = planDown(config, seen, options);
    terminal.print(terminal.style.bold(`${config.site} in ${config.region}, account ${aws.caller.account}`));
    for (const action of actions) terminal.print(`  ${describeDown(action)}`);
    if (actions.length > 0) {
      const data = options.deleteData ? ", and delete its data" : "";
      await questions.typed(`Type the site's name to take ${config.domain} down${data}:`, config.site);
    }
    const execute = downExecutor(config, aws, seen, clock);
    const held: EverspotError[] = [];
    const how = {
      ...{ describe: describeDown, execute, progress: terminal, patience: PATIENCE, clock },
      goesOn: (error: unknown) => isHeld(error) && held.push(error) > 0,
    };
    const applied = await runActions(actions, how);
    // A command that was killed may have left some (`everspot run`): one that ends takes them with it.
    if (options.deleteData)
      for (const { name } of await aws.runSecrets.list()) await aws.runSecrets.unset(name);
    const after = await look(config, aws, tools, options);
    const left = leftovers(config, after, options);
    const certificate = keepsCertificate(after, options);
    const proofs = options.deleteCertificate === true ? [] : seen.acm.records.map((r) => r.name);
    const kept = after.bucket !== undefined && (!options.deleteData || certificate);
    terminal.json({
      command: "down",
      site: config.site,
      actions: applied,
      calls: { reads: aws.calls.reads, writes: aws.calls.writes.length },
      leftovers: left,
      kept: kept ? `s3://${aws.bucket.name}` : undefined,
      keptRecords: proofs.length === 0 ? undefined : proofs,
      seconds: (clock.now() - began) / 1000,
    });
    if (left.length > 0) {
      throw new EverspotError(`something of ${config.site} is still there`, {
        lines: [...left, ...inTheWay(held)],
        hint: held.at(-1)?.hint ?? "run `everspot down` again",
        retry: "retry",
      });
    }
    terminal.print(
      `${terminal.style.green("✓")} nothing of ${config.site} is left (${took((clock.now() - began) / 1000)})`,
    );
    for (const name of proofs)
      terminal.print(
        `  CNAME ${name} is kept: ACM needs it to renew certificates for that name, in other regions too; it costs nothing`,
      );
    if (kept)
      terminal.print(
        certificate
          ? `  its certificate is kept in s3://${aws.bucket.name}, so that the next \`up\` need not order one; \`everspot down --delete-data --delete-certificate\` deletes it`
          : `  its data is kept in s3://${aws.bucket.name}; \`everspot down --delete-data\` deletes it`,
      );
    if (kept && !options.deleteData && config.state !== undefined)
      terminal.print(
        "  what the site has written is there, too: `everspot data pull` brings it here, and the next `up` begins with it",
      );
  } finally {
    aws.close();
  }
}

/** Why it is: what was named, or AWS's words where nothing was found. */
function inTheWay(held: readonly EverspotError[]): string[] {
  const named = [...new Set(held.flatMap((h) => h.lines))];
  const unnamed = held.filter((h) => h.lines.length === 0).map((h) => h.message);
  return [
    ...(named.length > 0 ? ["in the way, and not part of this site:"] : []),
    ...named.map((l) => `  ${l}`),
    ...unnamed,
  ];
}

async function writtenIn({ store }: Aws, stored: readonly string[]): Promise<Written | undefined> {
  if (!stored.includes("state/")) return undefined;
  const all = await store.list("state/");
  const uploads = all.filter(({ key }) => key.startsWith(MEDIA_PREFIX));
  const sum = (objects: typeof all) => objects.reduce((bytes, { size }) => bytes + size, 0);
  const uploadsSize = sum(uploads);
  return all.length === 0
    ? undefined
    : { size: sum(all) - uploadsSize, uploads: uploads.length, uploadsSize };
}

async function look(
  config: SiteConfig,
  aws: Aws,
  { publicDns }: Pick<Tools, "publicDns">,
  { deleteData }: DownOptions,
): Promise<DownSeen> {
  const [seen, github, drillRole, volumes, snapshots, secrets, certificates, notices, logs] =
    await Promise.all([
      observeSite(aws),
      aws.github.look(),
      aws.drillRole.exists(),
      aws.instances.looseVolumes(),
      aws.bakedImages.snapshots(),
      deleteData ? aws.secrets.list() : [],
      deleteData ? aws.certificates.look() : [],
      observeNotices(config, aws),
      aws.logs.look(),
    ]);
  const dns = await observeDns(config, aws, publicDns, seen);
  const stored = seen.bucket === undefined || !deleteData ? [] : await aws.bucket.prefixes();
  return {
    ...seen,
    hasCertificate: stored.includes(keys.certificatesPrefix),
    written: await writtenIn(aws, stored),
    hasMore: stored.some((prefix) => prefix !== keys.certificatesPrefix),
    volumes,
    snapshots: snapshots.map((s) => s.id),
    secrets: secrets.map((s) => s.name),
    certificates,
    drillRole,
    notices: { topic: notices.topic !== undefined, budget: notices.budget !== undefined },
    logs: logs && aws.logs.group,
    deployRole: github.role !== undefined,
    dns,
    acm: await observeAcmLeft(aws, dns?.zone.id),
  };
}
