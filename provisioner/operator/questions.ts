import { confirm, isCancel, password, text } from "@clack/prompts";
import { EverspotError, USAGE } from "../../agent/site/errors.ts";

/** Asks the person at the terminal; questions go to stderr, so that stdout holds nothing but the result. */
export interface Questions {
  /** @throws EverspotError unless the answer is yes. */
  agree(question: string): Promise<void>;
  /** @throws EverspotError unless `word` is typed. */
  typed(question: string, word: string): Promise<void>;
  /** One line, `initial` if nothing else is typed, or with `yes`. @param wrong says what is wrong with an answer. */
  text(question: string, initial: string, wrong?: (answer: string) => string | undefined): Promise<string>;
  /** Whether the answer is yes; what there is to lose is never lost by `yes` alone. */
  replace(question: string): Promise<boolean>;
  /** All of stdin without the line break at its end; what is typed, unseen, when stdin is a terminal. */
  secret(question: string): Promise<string>;
}

/** `yes`: everything is agreed to beforehand. @throws EverspotError (exit code 2) when there is no one to ask. */
export function createQuestions(options: {
  yes: boolean;
  input?: NodeJS.ReadStream;
  output?: NodeJS.WriteStream;
}): Questions {
  const { yes, input = process.stdin, output = process.stderr } = options;
  const stopped = () => new EverspotError("stopped: nothing was changed");
  const needTerminal = () => {
    if (input.isTTY === true && output.isTTY === true) return;
    throw new EverspotError("this command asks a question, and there is no terminal to ask it on", {
      hint: "add --yes to go on without asking",
      exitCode: USAGE,
    });
  };
  return {
    agree: async (message) => {
      if (yes) return;
      needTerminal();
      const answer = await confirm({ message, initialValue: false, input, output });
      if (isCancel(answer) || !answer) throw stopped();
    },
    typed: async (message, word) => {
      if (yes) return;
      needTerminal();
      const validate = (value: string | undefined) =>
        value === word ? undefined : `type ${word} to go on, or press Ctrl-C`;
      const answer = await text({ message, placeholder: word, validate, input, output });
      if (isCancel(answer)) throw stopped();
    },
    text: async (message, initial, wrong = () => undefined) => {
      if (yes) return initial;
      needTerminal();
      const validate = (value: string | undefined) => wrong(value ?? "");
      const answer = await text({ message, initialValue: initial, validate, input, output });
      if (isCancel(answer)) throw stopped();
      return answer;
    },
    replace: async (message) => {
      if (yes) return false;
      needTerminal();
      const answer = await confirm({ message, initialValue: false, input, output });
      if (isCancel(answer)) throw stopped();
      return answer;
    },
    secret: async (message) => {
      if (input.isTTY !== true) {
        const chunks: Buffer[] = [];
        for await (const chunk of input) chunks.push(Buffer.from(chunk as Uint8Array | string));
        return Buffer.concat(chunks)
          .toString("utf8")
          .replace(/\r?\n$/, "");
      }
      const answer = await password({ message, input, output });
      if (isCancel(answer)) throw stopped();
      return answer ?? "";
    },
  };
}
