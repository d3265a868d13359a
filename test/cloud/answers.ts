/**
 * What AWS was asked, because its documentation leaves it open or contradicts itself, and what it answered:
 * answers.json, which `scripts/contact` writes. The local AWS does as AWS answered; what no one has asked yet is played
 * both ways.
 */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod";

/** In the order in which they are asked. */
export const QUESTIONS = [
  "account-plan",
  "dry-run",
  "deleted-version",
  "new-versioning",
  "empty-fleet",
  "fleet-permissions",
  "service-role-path",
  "template-in-modify",
  "second-change",
  "low-total-price",
  "split-target",
  "total-price-counts",
  "fresh-profile",
  "console",
  "launch-credits",
  "stolen",
  "shutdown",
  "request-closes",
] as const;

export type Question = (typeof QUESTIONS)[number];

export const answer = z.strictObject({
  /** One of the question's own words; "unknown" where AWS did not get so far. */
  answer: z.string(),
  /** What was seen: figures and codes, without ids. */
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** The day. */
  at: z.iso.date(),
  region: z.string(),
});
export type Answer = z.infer<typeof answer>;

export const answersFile = z.strictObject({
  version: z.literal(1),
  answers: z.partialRecord(z.enum(QUESTIONS), answer),
});
export type Answers = z.infer<typeof answersFile>["answers"];

export const ANSWERS_FILE = path.resolve(import.meta.dirname, "answers.json");

/** None from a file that is not there. */
export function readAnswers(file: string = ANSWERS_FILE): Answers {
  if (!existsSync(file)) return {};
  return answersFile.parse(JSON.parse(readFileSync(file, "utf8"))).answers;
}

/** What AWS answered to a question; undefined where no one asked, or AWS did not get so far. */
export const answered = (answers: Answers, question: Question): Answer | undefined =>
  answers[question]?.answer === "unknown" ? undefined : answers[question];
