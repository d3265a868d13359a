/** Asks one question after the other, and leaves nothing behind. */
import { writeFile } from "node:fs/promises";
import { messageOf } from "../../agent/site/errors.ts";
import {
  type Answer,
  type Answers,
  type Question as Id,
  QUESTIONS,
  readAnswers,
} from "../../test/cloud/answers.ts";
import { questions } from "./index.ts";
import type { Found, Reply } from "./question.ts";
import { type Given, openScene } from "./scene.ts";
import { scrub, scrubText } from "./scrub.ts";
import { tidy, whatIsThere } from "./tidy.ts";

export interface Asked {
  id: Id;
  answer: string;
  facts: Reply["facts"];
  seconds: number;
}

export interface Report {
  asked: Asked[];
  /** What an earlier run had left, and is removed. */
  found: string[];
  /** What could not be removed. */
  left: string[];
}

/**
 * @param file gets each answer as it comes, beside those that it has from before; an "unknown" does not replace an
 * answer. @throws what the questions did not expect of AWS, after all was removed.
 */
export async function askAll(given: Given, file: string, say: (text: string) => void): Promise<Report> {
  const { clock, region, signal } = given;
  const found = await whatIsThere(given);
  if (found.length > 0) {
    say("an earlier run left something:");
    await tidy(given, say);
  }
  const scene = openScene(given);
  const memory: Found = {};
  const asked: Asked[] = [];
  try {
    for (const question of questions) {
      signal.throwIfAborted();
      const began = clock.now();
      const reply = await question.ask(scene, memory).catch((error: unknown): Reply => {
        signal.throwIfAborted();
        return { answer: "unknown", facts: { why: messageOf(error) } };
      });
      const seconds = Math.round((clock.now() - began) / 1000);
      const facts = scrub(reply.facts);
      asked.push({ id: question.id, answer: reply.answer, facts, seconds });
      say(`${question.asks}\n  ${scrubText(reply.answer)} (${seconds} s) ${JSON.stringify(facts)}`);
      const at = new Date(clock.now()).toISOString().slice(0, 10);
      await keep(file, question.id, { answer: scrubText(reply.answer), facts, at, region });
    }
  } finally {
    say("tearing down:");
    // Also after Ctrl-C; the second one ends the program.
    const left = await tidy(given, say);
    for (const one of left) say(`! ${one} is still there; --clean tries again`);
  }
  return { asked, found, left: await whatIsThere(given) };
}

async function keep(file: string, id: Id, answer: Answer): Promise<void> {
  const answers = readAnswers(file);
  if (answer.answer === "unknown" && answers[id] !== undefined) return;
  const next: Answers = { ...answers, [id]: answer };
  const inOrder = Object.fromEntries(QUESTIONS.flatMap((q) => (next[q] === undefined ? [] : [[q, next[q]]])));
  await writeFile(file, `${JSON.stringify({ version: 1, answers: inOrder }, null, 2)}\n`);
}
