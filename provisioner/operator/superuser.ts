import { EverspotError, USAGE } from "../../agent/site/errors.ts";
import type { Questions } from "./questions.ts";

/** A command of manage.py, and variables of its environment; the secret ones apart. */
export interface Superuser {
  words: string[];
  environment: Record<string, string>;
  secrets: Readonly<Record<string, string>>;
}

const PASSWORD = "DJANGO_SUPERUSER_PASSWORD";

/** Whether manage.py would ask questions that must not go over the bucket. */
export const asksForPassword = (words: readonly string[]): boolean =>
  words[0] === "createsuperuser" && !words.some((word) => /^--no-?input$/.test(word));

/**
 * What `createsuperuser` asks, asked here; it gets the answers as the variables of its environment that Django documents
 * for `--noinput`. A user model without one of the fields does not look at its variable.
 * @param typed whether a person is there. Without one, the password is read from stdin, and the rest must be in `words`.
 */
export async function askForSuperuser(
  words: readonly string[],
  questions: Questions,
  typed: boolean,
): Promise<Superuser> {
  const given = (field: string) =>
    words.some((word) => word === `--${field}` || word.startsWith(`--${field}=`));
  const environment: Record<string, string> = {};
  if (typed && !given("username")) {
    environment.DJANGO_SUPERUSER_USERNAME = await questions.text("User name:", "", (answer) =>
      answer.trim() === "" ? "a user needs a name" : undefined,
    );
  }
  if (typed && !given("email")) {
    environment.DJANGO_SUPERUSER_EMAIL = await questions.text("E-mail address:", "", (answer) =>
      /^\S+@\S+$/.test(answer) ? undefined : "an address such as ann@example.com",
    );
  }
  return {
    words: [...words, "--noinput"],
    environment,
    secrets: { [PASSWORD]: await askForPassword(questions, typed) },
  };
}

async function askForPassword(questions: Questions, typed: boolean): Promise<string> {
  const password = await questions.secret("Password:");
  if (password === "") {
    throw new EverspotError("the password is empty", {
      hint: typed ? undefined : "give it on stdin",
      exitCode: USAGE,
    });
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what an environment file cannot hold
  if (/[\u0000-\u001f\u007f]/.test(password)) {
    throw new EverspotError("the password has control characters", { exitCode: USAGE });
  }
  if (typed && (await questions.secret("Password, again:")) !== password) {
    throw new EverspotError("the two passwords are not the same", {
      hint: "nothing was done; run the command again",
      exitCode: USAGE,
    });
  }
  return password;
}
