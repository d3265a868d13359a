import type { Stdio } from "../../operator/stdio.ts";
import type { Line } from "./wanted.ts";

/** How wide a source stands; "job:NAME" may be longer. */
const WIDE = 6;

/** Lines on the way to whoever reads them. */
export class Shown {
  readonly #stdio: Pick<Stdio, "write">;
  readonly #options: { json: boolean; follow: boolean };
  #gone = false;
  #last: Line | undefined;
  /** For the one document of `--json`. */
  readonly lines: object[] = [];

  constructor(stdio: Pick<Stdio, "write">, options: { json: boolean; follow: boolean }) {
    this.#stdio = stdio;
    this.#options = options;
  }

  /** Whether the reader has gone. */
  get gone(): boolean {
    return this.#gone;
  }

  get last(): Line | undefined {
    return this.#last;
  }

  /** @returns false when the reader has gone. */
  async show(lines: readonly Line[]): Promise<boolean> {
    const { json, follow } = this.#options;
    let text = "";
    for (const line of lines) {
      if (json && follow) text += `${JSON.stringify(documentOf(line))}\n`;
      else if (json) this.lines.push(documentOf(line));
      else text += this.#render(line);
      this.#last = line;
    }
    if (text !== "" && !this.#gone) this.#gone = !(await this.#stdio.write("stdout", Buffer.from(text)));
    return !this.#gone;
  }

  /** Where an instance's lines follow another's, a line says so. */
  #render(line: Line): string {
    const other = this.#last !== undefined && this.#last.instance !== line.instance;
    const head = other ? `-- ${line.instance} --\n` : "";
    return `${head}${timeOf(line.at)} ${line.source.padEnd(WIDE)} ${onOneLine(line.text)}\n`;
  }
}

const documentOf = ({ at, source, instance, release, text }: Line) => ({
  ...{ at: new Date(at).toISOString(), source, instance, release, text },
});

/** "11-26 10:30:00", in the time zone of this computer. */
function timeOf(at: number): string {
  const moment = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  return `${day} ${[moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(":")}`;
}

/** What would write over a line that stands there. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const onOneLine = (text: string): string => text.replace(/[\r\n\u0008\u000b\u000c]/g, "");
