/** Everything about a site's certificate, in one document. Pure. Times are ISO 8601. */
import { isLate } from "../../agent/site/certificate-due.ts";
import { type Answer, budget, mayOrder, type Reason, refusals } from "../../agent/site/certificate-ledger.ts";
import type {
  Attempt,
  CertificateLedger,
  CertificatePointer,
  Issuance,
} from "../../agent/site/certificates.ts";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import type { ServedCertificate } from "../operator/served.ts";

export interface ReportInput {
  /** ACME directories of the configuration, the preferred one first; none when ACM is the source. */
  directories: readonly string[];
  pointer: CertificatePointer | undefined;
  ledger: CertificateLedger | undefined;
  served: ServedCertificate | { error: string };
  /** Where the instance got it, according to its boot record. */
  source: string | undefined;
  /** ARN of the certificate in ACM that is exported. */
  exported?: string | undefined;
  /** The bucket's time. */
  now: Date;
}

export interface Allowance {
  left: number;
  of: number;
  /** When the next one is back; null when none is used. */
  nextBack: string | null;
}

export interface DirectoryBudget {
  directory: string;
  /** In 7 days, of this exact set of names. */
  issuances: Allowance;
  /** In an hour. */
  attempts: Allowance;
  /** Why no certificate may be ordered now, and until when; null when one may. */
  refused: { reason: Reason; text: string; until: string } | null;
}

export interface HistoryEntry {
  at: string;
  /** `running`: the order is under way, or its process died; `lost`: the CA may have issued one that no one has. */
  what: "issued" | "failed" | "lost" | "running" | "unneeded";
  by: string;
  directory: string;
  serial?: string;
  until?: string;
  error?: string;
}

export interface CertificateReport {
  served:
    | {
        serial: string;
        issuer: string;
        names: string[];
        notBefore: string;
        notAfter: string;
        /** Why this computer does not trust it; null if it does. */
        distrust: string | null;
        /** Among the stored ones. */
        stored: "newest" | "older" | "no";
        source: string | null;
      }
    | { error: string };
  /** The newest in the bucket, with the time from which it is to be renewed. */
  newest: Pick<Issuance, "id" | "serial" | "issuer" | "names" | "notAfter" | "directory" | "renewAt"> | null;
  /** Set when an operator has asked for another one. */
  requested: { by: string; at: string } | null;
  /** ARN in ACM: of what is exported, or of the copy. */
  acm: string | null;
  budgets: DirectoryBudget[];
  /** Newest first. */
  history: HistoryEntry[];
  /** What a person should look at. */
  odd: string[];
}

export function reportOf(input: ReportInput): CertificateReport {
  const { pointer, ledger, served } = input;
  const newest = pointer?.issuances[0];
  return {
    served: "error" in served ? served : servedPart(served, input),
    newest: newest === undefined ? null : shortOf(newest),
    requested: pointer?.requested ?? null,
    acm: input.exported ?? pointer?.acm?.arn ?? null,
    budgets: input.directories.map((directory) =>
      budgetOf(directory, ledger?.directories[directory] ?? [], input.now),
    ),
    history: historyOf(pointer, ledger),
    odd: oddities(input),
  };
}

function servedPart(served: ServedCertificate, { pointer, source }: ReportInput) {
  const rank = pointer?.issuances.findIndex((i) => i.serial === served.serial) ?? -1;
  const stored: "newest" | "older" | "no" = rank < 0 ? "no" : rank === 0 ? "newest" : "older";
  return {
    serial: served.serial,
    issuer: served.issuer,
    names: served.names,
    notBefore: served.notBefore.toISOString(),
    notAfter: served.notAfter.toISOString(),
    distrust: served.distrust ?? null,
    stored,
    source: source ?? null,
  };
}

const shortOf = ({ id, serial, issuer, names, notAfter, directory, renewAt }: Issuance) => ({
  ...{ id, serial, issuer, names, notAfter, directory, renewAt },
});

/** What may be ordered of one authority. */
export function budgetOf(directory: string, attempts: readonly Attempt[], now: Date): DirectoryBudget {
  const { issuances, attempts: asked } = budget(attempts, now);
  const answer: Answer = mayOrder(attempts, now);
  const allowance = (of: typeof issuances): Allowance => ({
    left: of.left,
    of: of.of,
    nextBack: of.nextBack?.toISOString() ?? null,
  });
  return {
    directory,
    issuances: allowance(issuances),
    attempts: allowance(asked),
    refused: answer.may
      ? null
      : { reason: answer.reason, text: refusals[answer.reason], until: answer.until.toISOString() },
  };
}

function historyOf(
  pointer: CertificatePointer | undefined,
  ledger: CertificateLedger | undefined,
): HistoryEntry[] {
  const issuances = pointer?.issuances ?? [];
  const attempts = Object.entries(ledger?.directories ?? {}).flatMap(([directory, list]) =>
    list.map((attempt) => ({ directory, attempt })),
  );
  const known = new Set(attempts.flatMap(({ attempt }) => attempt.certificate ?? []));
  const fromLedger = attempts.map(({ directory, attempt }): HistoryEntry => {
    const issued = issuances.find((i) => i.id === attempt.certificate);
    return {
      at: attempt.at,
      what: attempt.outcome === "unknown" ? "lost" : (attempt.outcome ?? "running"),
      by: attempt.by,
      directory,
      ...omitUndefined({ serial: issued?.serial, until: issued?.notAfter, error: attempt.error }),
    };
  });
  const fromPointer = issuances
    .filter((i) => !known.has(i.id))
    .map(
      (i): HistoryEntry => ({
        ...{ at: i.created, what: "issued", by: i.by, directory: i.directory },
        ...{ serial: i.serial, until: i.notAfter },
      }),
    );
  return [...fromLedger, ...fromPointer].sort((a, b) => b.at.localeCompare(a.at));
}

function oddities({ pointer, served, now }: ReportInput): string[] {
  if ("error" in served) return [served.error];
  const odd: string[] = [];
  const newest = pointer?.issuances[0];
  if (served.distrust !== undefined) odd.push(`visitors do not trust what is served: ${served.distrust}`);
  if (served.notAfter <= now)
    odd.push(`the certificate that is served expired on ${served.notAfter.toISOString()}`);
  else if (isLate(served, now)) {
    odd.push(
      `the certificate that is served expires on ${served.notAfter.toISOString()} and has not been renewed yet`,
    );
  }
  if (newest !== undefined && newest.serial !== served.serial) {
    odd.push(`the newest certificate, ${newest.serial}, is not the one that is served`);
  }
  return odd;
}
