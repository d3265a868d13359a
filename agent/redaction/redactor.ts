import { formsOf, SHORTEST } from "./forms.ts";

const REDACTED = "[redacted]";

/** What printers, shells and quoting put between the characters of a value, or in front of them. */
const FILLING = /[\s"'\\]/;
const FILLINGS = new RegExp(FILLING, "g");

/**
 * Takes the site's secrets out of what leaves the machine: boot records, notifications, log lines. A secret is found
 * in the forms of `formsOf`, even where it is broken over lines. One of fewer than 6 characters is not looked for.
 * Once learnt, a secret stays known: an app that was started with an old value still prints it.
 */
export class Redactor {
  /** Without filling. */
  readonly #forms = new Set<string>();
  /** Those of which too little would be left without it. */
  readonly #whole = new Set<string>();

  learn(secrets: Readonly<Record<string, string>>): void {
    for (const form of Object.values(secrets).flatMap(formsOf)) {
      const text = form.replace(FILLINGS, "");
      if (text.length < SHORTEST) this.#whole.add(form);
      else this.#forms.add(text);
    }
  }

  text(given: string): string {
    if (this.#forms.size + this.#whole.size === 0) return given;
    const text = given.replace(FILLINGS, "");
    // Nearly always there is none, and where the characters stood need not be known.
    const none = ![...this.#forms].some((form) => text.includes(form));
    if (none && ![...this.#whole].some((form) => given.includes(form))) return given;
    const at = placesIn(given);
    const squeezed = [...this.#forms].flatMap((form) => rangesOf(text, form));
    const found = [
      ...squeezed.map(([from, to]) => [at[from] ?? 0, (at[to - 1] ?? 0) + 1] as const),
      ...[...this.#whole].flatMap((form) => rangesOf(given, form)),
    ];
    let result = "";
    let end = 0;
    for (const [from, to] of merge(found)) {
      result += given.slice(end, from) + REDACTED;
      end = to;
    }
    return result + given.slice(end);
  }

  /** Lines of one output: a secret may go over several of them, which then become fewer. */
  lines(given: readonly string[]): string[] {
    return given.length === 0 ? [] : this.text(given.join("\n")).split("\n");
  }
}

/** For each character that is no filling, where it stands. */
const placesIn = (given: string): number[] =>
  Array.from({ length: given.length }, (_, i) => i).filter((i) => !FILLING.test(given[i] ?? ""));

function rangesOf(text: string, form: string): [from: number, to: number][] {
  const found: [number, number][] = [];
  for (let i = text.indexOf(form); i >= 0; i = text.indexOf(form, i + 1)) found.push([i, i + form.length]);
  return found;
}

/** In their order, those that touch or overlap as one. */
function merge(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const merged: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}
