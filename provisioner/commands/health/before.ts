/** What `doctor` looks at that is there before the site: the account, the domain, the certificate authority, the project. */

import { certificateNames } from "../../../agent/site/certificate-names.ts";
import { ledgerDocument } from "../../../agent/site/certificates.ts";
import { readDocument } from "../../../agent/site/document.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import type { Aws } from "../../aws/connect.ts";
import { budgetOf } from "../../certificate/report.ts";
import type { SiteConfig } from "../../config/site-config.ts";
import { errorFinding, type Finding, warningFinding } from "../../findings/finding.ts";
import { unpackable } from "../../findings/unpackable.ts";
import type { Tools } from "../../operator/tools.ts";
import { limitFindings } from "../../plan/limits.ts";
import { nameFindings } from "../../plan/names.ts";
import { preflight } from "../../plan/preflight.ts";
import { survey } from "../../seen/survey.ts";
import { deedOf } from "../../wanted/deeds.ts";
import { operatorPermissions } from "../../wanted/operator-policy.ts";
import { discard, pack, sizeOf } from "../package.ts";
import type { ProjectTools } from "../project-tools.ts";
import { asFindings, type Examined, examined, unknown, well } from "./examined.ts";

export const account = ({ region }: SiteConfig, { caller }: Aws, env: NodeJS.ProcessEnv): Examined =>
  well(
    "account",
    `${caller.account} in ${region}, as ${caller.arn}${env.AWS_PROFILE ? `, profile ${env.AWS_PROFILE}` : ""}`,
  );

/** Simulations at a time: IAM takes few calls a second. */
const AT_ONCE = 4;
/** How many refused actions are shown, on one screen. */
const SHOWN = 12;

export async function permissions(config: SiteConfig, aws: Aws): Promise<Examined> {
  const name = "permissions";
  const rows = operatorPermissions(config, aws.caller.account);
  const refused: { why: string; what: string[] }[] = [];
  try {
    const powers = await aws.powers();
    if (powers === undefined) return well(name, "the account's root user may do everything");
    const left = rows.values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const row of left) {
          const what = await powers.refused(deedOf(row, aws.caller.account));
          if (what.length > 0) refused.push({ why: row.why, what });
        }
      }),
    );
  } catch (error) {
    if (!(error instanceof EverspotError)) throw error;
    return unknown(name, `${error.message}; a call that is refused will say so itself`);
  }
  const findings = refused.map(({ why, what }): Finding => {
    const actions = [...new Set(what)];
    const more = actions.length > SHOWN ? ` and ${actions.length - SHOWN} more` : "";
    return warningFinding("aws.W001", `not allowed: ${why}`, {
      hint: `it needs ${actions.slice(0, SHOWN).join(", ")}${more}`,
    });
  });
  return examined(
    name,
    `all that everspot's ${rows.length} kinds of calls need`,
    findings,
    "everspot permissions",
  );
}

/** @returns several: each stands against `up` by itself. */
export async function surroundings(
  config: SiteConfig,
  aws: Aws,
  { publicDns }: Pick<Tools, "publicDns">,
): Promise<Examined[]> {
  // What runs on instances has no part in this, and is not made for it.
  const agentArchive = async () => ({ file: "", sha256: "0".repeat(64), encoding: "br" as const });
  const found = await survey(config, aws, { publicDns, agentArchive }, { refreshImage: false, limits: true });
  const begins = found.seen.network.vpcs.length === 0;
  const domain = [...nameFindings({ config, ...found }), ...twins(found.dns)];
  const quotas = limitFindings({ config, limits: found.limits, begins });
  const known = new Set([...domain, ...quotas].map((f) => f.message));
  const rest = preflight({ config, ...found }).filter((f) => !known.has(f.message));
  const zone = found.dns?.zone.name ?? "no zone";
  return [
    examined(
      "domain",
      `${config.domain} in the hosted zone ${zone}`,
      asFindings("domain", domain),
      "everspot plan",
    ),
    examined("quotas", "room for a site and its replacement", asFindings("quotas", quotas), "everspot plan"),
    examined(
      "region",
      `${config.region} has what [fleet] and [image] ask for`,
      asFindings("region", rest),
      "everspot plan",
    ),
  ];
}

/** Two zones of one name: which of them is asked hangs on the delegation, and a person may edit the other. */
const twins = (dns: { zone: { id: string; name: string }; twins: readonly { id: string }[] } | undefined) =>
  dns === undefined || dns.twins.length === 0
    ? []
    : [
        {
          level: "note" as const,
          message: `there are ${dns.twins.length + 1} hosted zones named ${dns.zone.name}; everspot uses ${dns.zone.id}`,
          hint: `delete ${dns.twins.map((t) => t.id).join(", ")} if nothing needs it: each costs $0.50 a month`,
        },
      ];

export async function authority(config: SiteConfig, aws: Aws, exists: boolean, now: Date): Promise<Examined> {
  const name = "authority";
  const { source, directory } = config.certificate;
  if (source === "acm") return well(name, "AWS Certificate Manager");
  if (!exists) return well(name, "nothing has been ordered for these names yet");
  const { value, date } = await readDocument(aws.store, ledgerDocument(certificateNames(config)));
  const { issuances, refused } = budgetOf(directory, value?.directories[directory] ?? [], date ?? now);
  const seen = `${issuances.left} of ${issuances.of} certificates left in 7 days`;
  if (refused === null) return well(name, seen);
  const finding = warningFinding(
    "certificate.W001",
    `no certificate may be ordered until ${refused.until}: ${refused.text}`,
    {
      hint: "one that is stored is served as long as it is valid",
    },
  );
  return examined(name, seen, [finding], "everspot certificate");
}

/** @param exists whether the site's secrets may be there. */
export async function project(
  config: SiteConfig,
  aws: Aws,
  tools: ProjectTools,
  signal: AbortSignal,
): Promise<Examined[]> {
  const set = await aws.secrets.list().catch(() => undefined);
  const secrets = set && [...config.app.randomSecrets, ...set.map((s) => s.name)];
  const { findings, how } = await tools.inspect(config, secrets, signal, { checks: true });
  const looked = examined("project", how, findings, "everspot init");
  const packed = await pack(config, tools, { allow: [] }, signal).catch((error: unknown) => {
    if (error instanceof EverspotError) return error;
    throw error;
  });
  if (packed instanceof EverspotError) {
    const found = unpackable(packed);
    const given =
      found.length > 0
        ? found
        : [errorFinding("project.E005", packed.message, { hint: packed.hint ?? "see above" })];
    return [looked, examined("packing", "", given, "everspot plan")];
  }
  await discard(packed);
  const { silence } = config;
  const noted = packed.findings.filter((f) => !silence.includes(f.id));
  return [looked, examined("packing", sizeOf(packed), noted, "everspot plan")];
}
