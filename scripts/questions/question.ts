import type { Question as Id } from "../../test/cloud/answers.ts";
import type { Scene } from "./scene.ts";

export interface Reply {
  /** One of the question's own words, or "unknown". */
  answer: string;
  facts: Record<string, string | number | boolean>;
}

/** What later questions go on from. */
export interface Found {
  /** A fleet of target 0 that is `active`. */
  fleet?: string;
  /** An instance that a fleet launched: when, in milliseconds since the epoch. */
  instance?: { id: string; fleet: string; launched: number };
  /** What it printed. */
  console?: string;
}

/** One thing that only AWS can tell. */
export interface Question {
  id: Id;
  /** As it stands in docs/first-time-on-aws.md. */
  asks: string;
  ask(scene: Scene, found: Found): Promise<Reply>;
}

export const unknown = (why: string): Reply => ({ answer: "unknown", facts: { why } });

/** What AWS refused, in its own words; what is no answer of AWS is thrown. */
export async function refusalOf(call: Promise<unknown>): Promise<{ code: string; said: string } | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    if ($metadata?.httpStatusCode === undefined) throw error;
    return { code: name, said: message };
  }
}

/** "yes", or "no" with AWS's words. */
export async function accepted(call: Promise<unknown>): Promise<Reply> {
  const refused = await refusalOf(call);
  return refused === undefined ? { answer: "yes", facts: {} } : { answer: "no", facts: refused };
}
