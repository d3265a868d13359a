import { execa } from "execa";
import { omitUndefined } from "../../agent/site/omit-undefined.ts";
import { parseRequirement, type RequirementLine } from "../requirements/requirement-lines.ts";

/** What is built from an address whose contents may be other ones at any time: a branch, an archive without a hash. */
export const isMoving = (line: RequirementLine): boolean =>
  line.direct && !line.local && !line.pinned && line.hashes.length === 0;

/** Where no answer comes, pip says why. */
const TIMEOUT_MS = 30_000;

/**
 * Lines whose branch or tag is replaced by the commit that it names now, so that a tree made of another is not taken
 * for it. Lines that git cannot tell about stay as they are.
 */
export const settled = (
  lines: readonly RequirementLine[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<RequirementLine[]> =>
  Promise.all(lines.map((line) => (isMoving(line) ? atCommit(line, env, signal) : line)));

async function atCommit(
  line: RequirementLine,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal | undefined,
): Promise<RequirementLine> {
  // "[name @ ]git+https://host/repository[@ref][#fragment]"; an "@" before the host belongs to a user.
  const [, before = "", url, ref, after = ""] =
    /^(.*?git\+)([a-z]+:\/\/[^/\s]*\/[^@#\s]+)(?:@([^#\s]+))?(.*)$/.exec(line.text) ?? [];
  if (url === undefined) return line;
  const result = await execa("git", ["ls-remote", "--", url, ref ?? "HEAD"], {
    env: { ...env, GIT_TERMINAL_PROMPT: "0" },
    extendEnv: false,
    reject: false,
    timeout: TIMEOUT_MS,
    ...omitUndefined({ cancelSignal: signal }),
  });
  signal?.throwIfAborted();
  const commit = result.failed ? undefined : commitOf(result.stdout, ref);
  if (commit === undefined) return line;
  const { name, extras, marker } = line;
  return { ...parseRequirement(`${before}${url}@${commit}${after}`, "/"), name, extras, marker };
}

/** @param answer lines of "commit TAB name"; a tag's own commit has "^{}" behind its name. */
function commitOf(answer: string, ref: string | undefined): string | undefined {
  const found = answer.split("\n").flatMap((line) => {
    const [, commit, name] = /^([0-9a-f]{40})\t(.+)$/.exec(line) ?? [];
    return commit === undefined || name === undefined ? [] : [{ commit, name }];
  });
  const named = (name: string) => found.find((f) => f.name === name)?.commit;
  if (ref === undefined) return named("HEAD");
  return (
    named(`refs/tags/${ref}^{}`) ?? named(`refs/heads/${ref}`) ?? named(`refs/tags/${ref}`) ?? named(ref)
  );
}
