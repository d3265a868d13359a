/** The report on a certificate as lines for a terminal. Pure. */
import { age, type Style } from "../operator/terminal.ts";
import type { Allowance, CertificateReport, DirectoryBudget, HistoryEntry } from "./report.ts";

export function linesOf(report: CertificateReport, now: number, style: Style): string[] {
  const { served, newest, budgets } = report;
  const rows: [string, string][] = [
    ...servedRows(served, now),
    ...(newest === null ? [] : [["renewal", renewal(report, now)] as [string, string]]),
    ...budgets.map((b): [string, string] => [
      "budget",
      `${budgetText(b, now)}${budgets.length > 1 ? ` at ${hostOf(b.directory)}` : ""}`,
    ]),
    ...(report.acm === null ? [] : [["in ACM", report.acm] as [string, string]]),
    ...report.history.map((entry, i): [string, string] => [i === 0 ? "history" : "", historyText(entry)]),
  ];
  return [
    ...rows.map(([name, text]) => `${style.dim(name.padEnd(12))}${text}`.trimEnd()),
    ...report.odd.map((text) => `${style.yellow("!")} ${text}`),
  ];
}

function servedRows(served: CertificateReport["served"], now: number): [string, string][] {
  if ("error" in served) return [["served", "none"]];
  const stored = { newest: "the newest in the bucket", older: "an older one in the bucket", no: "" };
  const from = served.source === "acm" ? "exported from ACM" : stored[served.stored];
  return [
    ["served", `${served.serial} from ${served.issuer}${from === "" ? "" : `, ${from}`}`],
    ["names", served.names.join(", ")],
    ["expires", `${day(served.notAfter)} (${left(served.notAfter, now)})`],
  ];
}

function renewal({ newest, requested }: CertificateReport, now: number): string {
  if (requested !== null) return `asked for by ${requested.by} at ${minute(requested.at)}`;
  const at = newest?.renewAt ?? "";
  return Date.parse(at) <= now ? `due since ${minute(at)}` : `from ${day(at)} (${left(at, now)})`;
}

/** "3 of 4 issuances left, next back in 34 h". */
export function budgetText({ issuances, refused }: DirectoryBudget, now: number): string {
  const why = refused === null ? "" : `; ${refused.text} until ${minute(refused.until)}`;
  return `${allowance(issuances, now)}${why}`;
}

const allowance = ({ left: more, of, nextBack }: Allowance, now: number): string =>
  `${more} of ${of} issuances left${nextBack === null ? "" : `, next back in ${left(nextBack, now)}`}`;

function historyText(entry: HistoryEntry): string {
  const facts = [
    ...(entry.serial === undefined ? [] : [entry.serial]),
    `by ${entry.by}`,
    `at ${hostOf(entry.directory)}`,
    ...(entry.until === undefined ? [] : [`until ${day(entry.until)}`]),
    ...(entry.error === undefined ? [] : [entry.error]),
  ];
  return `${minute(entry.at)}  ${entry.what.padEnd(8)}  ${facts.join(", ")}`;
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);
const left = (time: string, now: number): string => age(Date.parse(time) - now);
const day = (time: string): string => time.slice(0, 10);
const minute = (time: string): string => `${time.slice(0, 10)} ${time.slice(11, 16)}Z`;
