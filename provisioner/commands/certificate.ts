import { certificateNames } from "../../agent/site/certificate-names.ts";
import { ledgerDocument, pointerDocument } from "../../agent/site/certificates.ts";
import { readDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { readBoot } from "../aws/boot-records.ts";
import { type Aws, connect } from "../aws/connect.ts";
import { linesOf } from "../certificate/lines.ts";
import { nothingStored, requestRenewal, untilIssued, untilServed } from "../certificate/renewal.ts";
import { type CertificateReport, reportOf } from "../certificate/report.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { took } from "../operator/terminal.ts";
import type { Tools } from "../operator/tools.ts";

export interface CertificateOptions {
  /** Asks for a new one now. */
  renew: boolean;
  /** Seconds to wait for it. */
  timeout: number;
}

/** nginx closes the connections it keeps before it reads a new certificate, which takes over a minute. */
const SERVE_SECONDS = 180;

type Used = Pick<Tools, "terminal" | "questions" | "clock" | "holder" | "readServed">;

/** `everspot certificate`: what is served, what may be ordered, and what has been; with `renew`, orders a new one. */
export async function runCertificate(
  config: SiteConfig,
  tools: Used,
  options: CertificateOptions,
): Promise<void> {
  const { terminal, clock } = tools;
  const began = clock.now();
  const aws = await connect(config);
  try {
    const { report, owner } = await look(config, aws, tools);
    const renewed = options.renew ? await renew(config, aws, tools, options, report, owner) : undefined;
    const after = renewed === undefined ? report : (await look(config, aws, tools)).report;
    const seconds = (clock.now() - began) / 1000;
    terminal.json({
      command: "certificate",
      site: config.site,
      domain: config.domain,
      ...after,
      renewed: renewed === undefined ? undefined : { serial: renewed, seconds },
    });
    for (const line of linesOf(after, clock.now(), terminal.style)) terminal.print(line);
    if (renewed !== undefined) {
      terminal.print(`${terminal.style.green("✓")} ${renewed} is served (${took(seconds)})`);
    }
  } finally {
    aws.close();
  }
}

async function look(
  config: SiteConfig,
  aws: Aws,
  { clock, readServed }: Used,
): Promise<{ report: CertificateReport; owner: string | undefined }> {
  if ((await aws.bucket.look()) === undefined) {
    throw new EverspotError(`${config.site} does not exist`, { hint: "`everspot up` brings it up" });
  }
  const names = certificateNames(config);
  const [pointer, ledger, site, served] = await Promise.all([
    readDocument(aws.store, pointerDocument(names)),
    readDocument(aws.store, ledgerDocument(names)),
    readDocument(aws.store, siteDocument),
    readServed(config.domain).catch((error: unknown) => ({ error: messageOf(error) })),
  ]);
  const owner = site.value?.owner;
  const boot = owner === undefined ? undefined : await readBoot(aws, owner);
  const { source, directory, fallbackDirectory } = config.certificate;
  const report = reportOf({
    directories:
      source === "acm" ? [] : [directory, ...(fallbackDirectory === undefined ? [] : [fallbackDirectory])],
    pointer: pointer.value,
    ledger: ledger.value,
    served,
    source: boot?.certificate?.source,
    exported: source === "acm" ? await exportedArn(config, aws) : undefined,
    now: ledger.date ?? pointer.date ?? new Date(clock.now()),
  });
  return { report, owner };
}

async function exportedArn(config: SiteConfig, aws: Aws): Promise<string | undefined> {
  const names = certificateNames(config).sort().join();
  const requested = async () => (await aws.certificates.requested()).find((c) => c.names.join() === names);
  return config.certificate.arn ?? (await requested())?.arn;
}

/** @returns the serial number of what is served then. @throws EverspotError when none may be ordered, or none came. */
async function renew(
  config: SiteConfig,
  aws: Aws,
  { terminal, questions, clock, holder, readServed }: Used,
  { timeout }: CertificateOptions,
  report: CertificateReport,
  owner: string | undefined,
): Promise<string> {
  const names = certificateNames(config);
  if (config.certificate.source === "acm") {
    throw new EverspotError("AWS Certificate Manager renews this certificate by itself", {
      hint: "about 45 days before it expires; the instance looks for it once a day",
    });
  }
  if (report.newest === null) throw nothingStored(names);
  if (owner === undefined)
    throw new EverspotError("no instance serves the site, so there is none to order a certificate");
  const budget = report.budgets[0];
  if (budget?.refused) {
    throw new EverspotError(`${budget.refused.text} until ${budget.refused.until}`, {
      hint: "these limits keep the site within the certificate authority's own, which know no exception",
    });
  }
  const { left, of } = budget?.issuances ?? { left: 0, of: 0 };
  await questions.agree(
    `Order a new certificate for ${names.join(", ")}? It uses one of the ${left} (of ${of}) issuances left this week.`,
  );
  const request = await requestRenewal(aws.store, names, holder, clock);
  terminal.say(`asked ${owner} for a new certificate`);
  const issued = await untilIssued(aws.store, names, request, { seconds: timeout, clock, say: terminal.say });
  terminal.say(`${issued.serial} is issued; nginx takes it over without cutting off any visitor`);
  await untilServed(readServed, config.domain, issued.serial, { seconds: SERVE_SECONDS, clock });
  return issued.serial;
}
