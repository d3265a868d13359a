/** What the keys of everspot.toml are built from: values with rules and hints of our own, and a note on each key. */
import * as z from "zod/mini";

/** What people read about a key: in the example, the docs, the JSON schema and the hints. */
export interface KeyNote {
  /** One or more sentences. */
  description: string;
  /** The value in the example. */
  examples?: readonly [unknown];
  /** The example has it as a comment: it goes with other values than the example's. */
  aside?: true;
  /** What holds without the key, where that is not a plain value. */
  otherwise?: string;
  /** The hint when the key is required and missing. */
  missing?: string;
  /** In a table of tables: the name that one has in the example. */
  named?: string;
}

export const notes = z.registry<KeyNote>();
/** The forms of texts, for editors. */
export const patterns = z.registry<{ pattern: string }>();

export interface Complaint {
  message: string;
  hint?: string | undefined;
}

export type Rule = (value: string) => Complaint | undefined;

/** Reports the first of these rules that is broken; its hint travels in the issue's `params`. */
export const obeys =
  (...rules: readonly Rule[]) =>
  ({ value, issues }: z.core.ParsePayload<string>): void => {
    for (const rule of rules) {
      const complaint = rule(value);
      if (complaint === undefined) continue;
      const { message, hint } = complaint;
      issues.push({ code: "custom", input: value, message, params: { hint } });
      return;
    }
  };

export const text = (...rules: readonly Rule[]) => z.string().check(obeys(...rules));

/** Text of this form; editors check it too. */
export const matching = (form: RegExp, message: string, hint?: string) =>
  text((value) => (form.test(value) ? undefined : { message, hint })).register(patterns, {
    pattern: form.source,
  });

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what neither systemd nor a shell takes.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;

/** systemd leaves a variable out that has one (unichar_is_valid() of its utf8.c). */
const NO_CHARACTER = /\p{Noncharacter_Code_Point}/u;

export const printable: Rule = (value) => {
  if (CONTROL.test(value))
    return { message: "has control characters", hint: "only tabs and line breaks (LF) may stand in it" };
  const [odd] = NO_CHARACTER.exec(value) ?? [];
  if (odd === undefined) return undefined;
  return { message: `has U+${odd.codePointAt(0)?.toString(16).toUpperCase()}, which is no character` };
};

export const oneLine: Rule = (value) =>
  value === "" || value.includes("\n") ? { message: "must be one line of text" } : undefined;

/** For a shell. */
export const command = () =>
  text(printable, (value) =>
    value.trim() === "" ? { message: "must be a command", hint: "leave it out" } : undefined,
  );
