/**
 * Reads JSON from the bucket. Who has an instance can write what it likes into the records there, and they are shown on
 * an operator's terminal and in the log of a GitHub Actions job: control characters are taken out of every text, but for
 * tabs and ends of lines, and what the runner would take for a command to itself is broken up.
 * @throws SyntaxError
 */
export const parsePlainJson = (body: Uint8Array): unknown =>
  JSON.parse(new TextDecoder().decode(body), (_, value: unknown) =>
    typeof value === "string" ? value.replace(CONTROL, "").replace(COMMAND, "$1 $2") : value,
  );

/** C0 without tab and line feed, DEL, and C1 (ECMA-48): among them what begins an escape sequence. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * `::set-output …` at the beginning of a line, after blanks, and `##[command]` anywhere in it
 * (https://docs.github.com/actions/reference/workflow-commands-for-github-actions; actions/runner, ActionCommand).
 */
const COMMAND = /(^[^\S\n]*:|##)(:|\[)/gm;
