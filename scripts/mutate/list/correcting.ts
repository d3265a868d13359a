// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the sources have templates
/** The loop of correcting: what fails is said, what is put right is tried, and what serves stays. */
import type { Mutation } from "../mutation.ts";

const loop = ["test/provisioner/commands/correcting.test.ts"];
const channel = ["test/agent/site/channel.test.ts"];
const status = ["test/provisioner/seen/status.test.ts"];
const words = ["test/agent/serving/last-words.test.ts"];
const environment = ["test/agent/serving/app-environment.test.ts"];
const steps = ["test/agent/boot/steps.test.ts"];

const trying: readonly Mutation[] = [
  {
    name: "what serves becomes current, whoever condemned it",
    file: "agent/site/channel.ts",
    find: "if (candidate?.id !== id && older && !isQuarantined(channel, id)) return undefined;",
    replace: "if (candidate?.id !== id) return undefined;",
    tests: channel,
  },
  {
    name: "a candidate's attempts begin anew with another configuration",
    file: "agent/site/channel.ts",
    find: "return { ...channel, version: 2, candidate: { id, attempts: [], template } };",
    replace: "return { ...channel, version: 2, candidate: { ...candidate, template } };",
    tests: channel,
  },
  {
    name: "a deploy says that a release is served once it is current",
    file: "provisioner/deploy/check.ts",
    find: "if (channel?.current === release) return { done: true };",
    replace: "if (channel !== undefined) return { done: true };",
    tests: loop,
  },
  {
    name: "a machine of an older configuration that does not come up is replaced",
    file: "provisioner/plan/up.ts",
    find: 'return failed || begins ? [{ do: "replace-instance"',
    replace: 'return begins ? [{ do: "replace-instance"',
    tests: ["test/system/correcting.test.ts"],
    system: true,
  },
  {
    name: "what a boot said before is no answer to what was put right since",
    file: "provisioner/boots/any-release.ts",
    find: "const attempt = boot.attempt - (before?.attempt ?? 0);",
    replace: "const attempt = before === null ? 0 : boot.attempt;",
    tests: ["test/provisioner/boots/any-release.test.ts"],
  },
  {
    name: "that another release failed is no answer",
    file: "provisioner/boots/any-release.ts",
    find: " || isOther(boot.release)) return;",
    replace: ") return;",
    tests: ["test/provisioner/boots/any-release.test.ts"],
  },
  {
    name: "a deploy that fails goes back only to what served",
    file: "provisioner/plan/configuration.ts",
    find: 'const serves = state?.state === "serving" && instances',
    replace: "const serves = instances",
    tests: loop,
  },
  {
    name: "it goes back to what the instance that serves was launched by",
    file: "provisioner/plan/configuration.ts",
    find: "return serves.templateVersion === stock ? launches : (serves.templateVersion ?? launches);",
    replace: "return serves.templateVersion === stock ? launches : launches;",
    tests: loop,
  },
  {
    name: "content that is quarantined is not published again without a word",
    file: "provisioner/release/publish.ts",
    find: "const again = condemned && {",
    replace: "const again = condemned === null && {",
    tests: loop,
  },
];

const saying: readonly Mutation[] = [
  {
    name: "a step that was stopped is not what failed",
    file: "agent/record/graph.ts",
    find: "        observer.stopped(one.name);\n        return false;",
    replace: "        observer.failed(one.name, error);\n        return false;",
    tests: ["test/agent/record/graph.test.ts"],
  },
  {
    name: "what a quarantined release said is kept with it",
    file: "agent/site/channel.ts",
    find: "{ id, at, reason, ...saidLast(lines) }",
    replace: "{ id, at, reason }",
    tests: [...channel, ...loop],
  },
  {
    name: "`status` shows what the newest condemned release said",
    file: "provisioner/commands/health/status-lines.ts",
    find: ': failure(`${style.red("✗")} ${bad.id}: ${bad.reason}`, bad.lines)),',
    replace: ": []),",
    tests: status,
  },
  {
    name: "`status` shows what the step that failed said",
    file: "provisioner/commands/health/status-lines.ts",
    find: 'failure(`${style.red("✗")} ${step.name}: ${step.error ?? ""}`, step.lines)',
    replace: "[]",
    tests: status,
  },
  {
    name: "`status --boot` shows the time of each command of before_start",
    file: "provisioner/commands/health/status-lines.ts",
    find: "    ...commandsOf(boot),\n",
    replace: "",
    tests: status,
  },
  {
    name: "`releases` shows what a condemned release said",
    file: "provisioner/commands/releases.ts",
    find: "...(row.quarantined.lines ?? []).map((text) => `      ${text}`),",
    replace: "",
    tests: loop,
  },
  {
    name: "last words end with a whole exception",
    file: "agent/serving/last-words.ts",
    find: "return shortened(wholeTracebacks(lines));",
    replace: "return shortened(lines);",
    tests: words,
  },
  {
    name: "a long chain of exceptions keeps its first cause",
    file: "agent/serving/last-words.ts",
    find: "if (cause === undefined || cause >= lines.length - LINES) return lines.slice(-LINES);",
    replace: "if (cause === undefined || cause >= 0) return lines.slice(-LINES);",
    tests: words,
  },
  {
    name: "of commands that fail side by side all are shown",
    file: "agent/serving/last-words.ts",
    find: "whole === headers.length - 1 ? [last] : headers.slice(whole + 1);",
    replace: "[last];",
    tests: words,
  },
  {
    name: "an app's colours do not reach the terminal",
    file: "agent/serving/last-words.ts",
    find: 'line.replace(ESCAPES, "")',
    replace: "line",
    tests: words,
  },
  {
    name: "where an app may write is said when it tried elsewhere",
    file: "agent/serving/last-words.ts",
    find: "if (!database && !lines.some((line) => NOT_ALLOWED.test(line))) return undefined;",
    replace: "if (!database) return undefined;",
    tests: words,
  },
  {
    name: "where a database may lie is said when it could not be opened",
    file: "agent/serving/last-words.ts",
    find: "const database = lines.some((line) => NO_FILE.test(line));",
    replace: "const database = false;",
    tests: words,
  },
  {
    name: "an old name of a time zone is named where the app fails for it",
    file: "agent/serving/last-words.ts",
    find: "if (zone !== undefined) {",
    replace: "if (zone === null) {",
    tests: words,
  },
  {
    name: "$STATE_DIRECTORY in [app.env] is the app's own folder",
    file: "agent/serving/app-environment.ts",
    find: "[name, inStateDirectory(value)]",
    replace: "[name, value]",
    tests: environment,
  },
  {
    name: "before_start stops at the first command that fails",
    file: "agent/serving/app-environment.ts",
    find: 'return ["set -e", CLOCK,',
    replace: "return [CLOCK,",
    tests: environment,
  },
  {
    name: "each command of before_start tells how long it took, as soon as it has ended",
    file: "agent/serving/app-environment.ts",
    find: "[shown(step), BEGAN, evaluated(step), took(step)]",
    replace: "[shown(step), evaluated(step)]",
    tests: environment,
  },
  {
    name: "the time of each command is in the boot record",
    file: "agent/serving/app.ts",
    find: 'const times = timed.length === 0 ? ""',
    replace: 'const times = timed.length >= 0 ? ""',
    tests: ["test/agent/serving/prepare.test.ts"],
  },
  {
    name: "the same wrong answer for three seconds is the last word",
    file: "agent/serving/health.ts",
    find: "return !NOT_YET.has(status) && now() - same.since",
    replace: "return status === 0 && now() - same.since",
    tests: ["test/agent/serving/health.test.ts"],
  },
  {
    name: "a project's own settings of gunicorn are suspected where it never listens",
    file: "agent/serving/app.ts",
    find: "if (last?.listens === false)",
    replace: "if (last === null)",
    tests: steps,
  },
  {
    name: "a project's own settings of gunicorn are named where it ends",
    file: "agent/serving/app.ts",
    find: 'own === undefined ? "" : `; the project\'s own ${own} is in force`;',
    replace: 'own === "" ? own : "";',
    tests: steps,
  },
];

export const correcting: readonly Mutation[] = [...trying, ...saying];
