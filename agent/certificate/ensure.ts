/** The certificate the site serves, for the boot and for the watch loop (DESIGN §10). */

import type { Pair } from "../ports/certificate-manager.ts";
import { isLate } from "../site/certificate-due.ts";
import { certificateNames, uncovered } from "../site/certificate-names.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { acmCertificate, acmRenewal } from "./acm.ts";
import { orderForBoot } from "./boot-order.ts";
import { type Choice, type Chosen, choose } from "./choose.ts";
import type { CertificateContext, ServedCertificate } from "./context.ts";
import { install, installedPaths, readInstalled } from "./installed.ts";
import { mirror } from "./mirror.ts";
import { isOrdering, type Ordered, order } from "./order.ts";
import { dropRequest, isRequested } from "./request.ts";
import { selfSigned } from "./self-signed.ts";
import { type CertificateFacts, factsOf, parseChain, verify } from "./verify.ts";

/**
 * Puts a certificate in place, the best there is: stored and proved; else ordered, within the ledger's rules;
 * else an older one; else self-signed. A valid stored certificate asks the CA for nothing, however old it is.
 *
 * Ends in bounded time and does not throw over trouble with the CA, the bucket or DNS: what happened is in
 * `warnings`. Call it once per boot, before nginx starts.
 * @param patience resolves when the boot is to go on, self-signed if need be, while an order takes its time; what
 * the order brings is found by `renewIfDue`.
 * @param first the first order ever for these names: "later" only brings what it takes. A project that is put right try
 * by try must not use up what the CA issues in a week.
 */
export async function ensureCertificate(
  context: CertificateContext,
  patience: () => Promise<void> = () => new Promise(() => {}),
  first: "now" | "later" = "now",
): Promise<ServedCertificate> {
  if (context.config.certificate.source === "acm") return ensureFromAcm(context);
  const choice = await choose(context);
  if (choice.best !== undefined) {
    await restoreLineage(context, choice.best, choice.warnings);
    return serveChosen(context, choice.best, choice, choice.warnings);
  }
  if (first === "later" && isFirst(choice)) return waitForApp(context, choice);
  const { ordered, after } = await orderForBoot(context, choice, patience);
  if (ordered.outcome === "issued") return serveIssued(context, ordered, after.warnings);
  const warnings = ordered.outcome === "found" ? after.warnings : [...after.warnings, ordered.problem];
  if (after.best !== undefined) return serveChosen(context, after.best, after, warnings);
  return serveLocal(context, after.now, warnings);
}

const isFirst = ({ pointer }: Choice): boolean => (pointer?.issuances.length ?? 0) === 0;

async function waitForApp(
  context: CertificateContext,
  { now, warnings }: Choice,
): Promise<ServedCertificate> {
  await context.authority.prepare?.().catch((error: unknown) => {
    context.logger.warn(`what a certificate order needs is not there yet: ${messageOf(error)}`);
  });
  return { ...(await serveLocal(context, now, [])), warnings, waits: true };
}

/**
 * Renews when it is time and installs anything newer than what is served, whoever ordered it. Cheap when there is
 * nothing to do: two reads of the bucket. For the owner only, every few minutes.
 * @returns what is served from now on (nginx must reload), undefined when nothing changed.
 * @throws EverspotError when an order failed and the certificate is in its last quarter, or there is none; and
 * when the disk cannot be written.
 */
export async function renewIfDue(context: CertificateContext): Promise<ServedCertificate | undefined> {
  if (context.config.certificate.source === "acm") return acmRenewal(context);
  const choice = await choose(context);
  const before = await readInstalled(context.folder);
  const warnings = [...choice.warnings];
  if (isDue(context, choice)) {
    const ordered = await order(context, choice, isUrgent(choice));
    if (ordered.outcome === "issued") return serveIssued(context, ordered, []);
    if (ordered.outcome === "found") return serveBest(context, await choose(context), before);
    warnings.push(ordered.problem);
    await dropRequest(context, choice, ordered);
    const better = await serveBest(context, { ...choice, warnings }, before);
    if (better !== undefined || ordered.outcome === "refused" || !isUrgent(choice)) return better;
    throw new EverspotError(ordered.problem, {
      retry: "retry",
      hint: "certificates/<names>/ledger.json in the bucket shows what was asked of the certificate authority",
    });
  } else if (choice.best !== undefined) {
    await mirror(context, choice.best, choice.pointer);
  }
  return serveBest(context, { ...choice, warnings }, before);
}

/** Undefined: nothing new. The disk may have a better one than the bucket (if it could not be stored). */
async function serveBest(
  context: CertificateContext,
  choice: Choice,
  before: Pair | undefined,
): Promise<ServedCertificate | undefined> {
  const { best } = choice;
  if (best === undefined || before?.chain === best.certificate.chain) return undefined;
  const names = certificateNames(context.config);
  const local = before && verify(before.key, before.chain, names, choice.now);
  if (local && "facts" in local && local.facts.notBefore > best.facts.notBefore) return undefined;
  await restoreLineage(context, best, choice.warnings);
  return serveChosen(context, best, choice, choice.warnings);
}

function isDue(context: CertificateContext, choice: Choice): boolean {
  const { best, now } = choice;
  if (best === undefined) return true;
  if (!best.newest && isForOthers(context, best)) return true;
  if (isRequested(choice)) return true;
  return now >= new Date(best.line.renewAt);
}

/** Whether it is for other names than configured, or from a directory that is no longer configured. */
function isForOthers(context: CertificateContext, best: Chosen): boolean {
  const { directory, fallbackDirectory } = context.config.certificate;
  const names = certificateNames(context.config);
  const exact =
    uncovered(best.facts.names, names).length === 0 && uncovered(names, best.facts.names).length === 0;
  return !exact || ![directory, fallbackDirectory].includes(best.certificate.directory);
}

const isUrgent = (choice: Choice): boolean =>
  choice.best === undefined || isLate(choice.best.facts, choice.now);

/** So that certbot on this machine knows what is served; nothing depends on it. */
async function restoreLineage(context: CertificateContext, best: Chosen, warnings: string[]): Promise<void> {
  if (isOrdering(context)) return;
  try {
    const left = await context.authority.left();
    const known = left?.chain === best.certificate.chain;
    const newer = left && new Date(parseChain(left.chain)[0]?.validFrom ?? 0) > best.facts.notBefore;
    // A newer certificate was ordered here and never stored: renewIfDue will find and store it.
    if (!known && !newer) await context.authority.restore(best.certificate);
  } catch (error) {
    warnings.push(`certbot's files could not be restored: ${messageOf(error)}`);
  }
}

async function serveChosen(
  context: CertificateContext,
  best: Chosen,
  choice: Choice,
  warnings: readonly string[],
): Promise<ServedCertificate> {
  const missing = uncovered(best.facts.names, certificateNames(context.config));
  const late = isLate(best.facts, choice.now)
    ? [`the certificate expires at ${best.facts.notAfter.toISOString()} and has not been renewed yet`]
    : [];
  const lacking =
    missing.length === 0 ? [] : [`the certificate being served does not cover ${missing.join(", ")} yet`];
  return serve(context, best.certificate, best.facts, best.newest ? "stored" : "previous", [
    ...warnings,
    ...late,
    ...lacking,
  ]);
}

async function serveIssued(
  context: CertificateContext,
  issued: Extract<Ordered, { outcome: "issued" }>,
  warnings: readonly string[],
): Promise<ServedCertificate> {
  const problems = issued.problem === undefined ? [] : [issued.problem];
  const served = await serve(context, issued.pair, issued.facts, "issued", [...warnings, ...problems]);
  const choice = context.config.certificate.mirrorToAcm ? await choose(context) : undefined;
  if (choice?.best !== undefined) await mirror(context, choice.best, choice.pointer);
  return served;
}

/** With nothing usable in the bucket: this disk's last certificate while it is valid, else a self-signed one. */
async function serveLocal(
  context: CertificateContext,
  now: Date,
  warnings: readonly string[],
): Promise<ServedCertificate> {
  const names = certificateNames(context.config);
  const left = isOrdering(context) ? undefined : await context.authority.left();
  for (const pair of [await readInstalled(context.folder), left]) {
    const verdict = pair && verify(pair.key, pair.chain, [context.config.domain], now);
    if (pair && verdict && "facts" in verdict)
      return serve(context, pair, verdict.facts, "previous", warnings);
  }
  const made = selfSigned(names, now);
  const leaf = parseChain(made.chain)[0];
  if (leaf === undefined) throw new Error("the self-signed certificate cannot be read");
  return serve(context, made, factsOf(leaf), "self-signed", [
    ...warnings,
    "no trusted certificate: browsers will warn until one can be ordered",
  ]);
}

async function ensureFromAcm(context: CertificateContext): Promise<ServedCertificate> {
  try {
    return await acmCertificate(context);
  } catch (error) {
    return serveLocal(context, new Date(context.clock.now()), [messageOf(error)]);
  }
}

async function serve(
  context: CertificateContext,
  pair: Pair,
  facts: CertificateFacts,
  source: ServedCertificate["source"],
  warnings: readonly string[],
): Promise<ServedCertificate> {
  const changed = await install(context.folder, { key: pair.key, chain: pair.chain });
  return { ...installedPaths(context.folder), ...facts, source, changed, warnings: [...new Set(warnings)] };
}
