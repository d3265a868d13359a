/** What README.md and docs/ say can be followed: links lead somewhere, commands and configurations are understood. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "smol-toml";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { EverspotError } from "../agent/site/errors.ts";
import { run } from "../provisioner/cli/program.ts";
import { parseConfig } from "../provisioner/config/load.ts";
import { MINIMAL } from "./provisioner/site.ts";

const root = path.join(import.meta.dirname, "..");
const pages = [
  "README.md",
  "test/cloud/README.md",
  ...readdirSync(path.join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const textOf = (page: string) => readFileSync(path.join(root, page), "utf8");

/** The fenced blocks of a page in a language. */
const blocks = (page: string, language: string): string[] =>
  [...textOf(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    ([, body]) => body ?? "",
  );

/** The anchors of a page's headings, as GitHub makes them. */
const anchors = (page: string): string[] =>
  [...textOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading ?? "")
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );

test.each(pages)("every link of %s leads to a file of the project, and to a heading of it", (page) => {
  const broken = [...textOf(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].flatMap(([, target]) => {
    const [file = "", anchor] = (target ?? "").split("#");
    const at = file === "" ? page : path.join(path.dirname(page), file);
    if (!existsSync(path.join(root, at))) return [target];
    return anchor === undefined || anchors(at).includes(anchor) ? [] : [target];
  });
  expect(broken).toEqual([]);
});

test("every page of docs/ is one click from README.md", () => {
  const readme = textOf("README.md");
  expect(pages.filter((page) => page.startsWith("docs/") && !readme.includes(`(${page}`))).toEqual([]);
});

test("scripts that are named exist", () => {
  const scripts = JSON.parse(textOf("package.json")).scripts as Record<string, string>;
  const missing = pages.flatMap((page) =>
    [
      ...textOf(page).matchAll(/npm run (?:--silent )?([a-z]+)|(?<![\w/.])(?:\.\/)?(scripts\/[\w./-]*\w)/g),
    ].flatMap(([, script, file]) => {
      if (script !== undefined) return scripts[script] === undefined ? [`${page}: ${script}`] : [];
      // A room may be one loose file.
      const found = ["", ".ts"].some((end) => existsSync(path.join(root, `${file}${end}`)));
      return found ? [] : [`${page}: ${file}`];
    }),
  );
  expect(missing).toEqual([]);
});

describe("commands", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "everspot-"));
    writeFileSync(
      path.join(folder, "everspot.toml"),
      `${MINIMAL}\n[stages.dev]\ndomain = "dev.example.com"\n[stages.staging]\ndomain = "s.example.com"\n`,
    );
    writeFileSync(path.join(folder, "stdin"), "");
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  afterEach(() => vi.restoreAllMocks());

  /** The arguments of each command of a text, as a shell reads them; nothing else of it is run. */
  const wordsOf = (lines: readonly string[]): string[][] => {
    if (lines.length === 0) return [];
    const script = [
      'everspot() { for word in "$@"; do printf "%s\\0" "$word" >&9; done; printf "\\n\\0" >&9; }',
      ...lines.map((line) => line.replace(/[<>][^<>|&]*$/, "")),
    ].join("\n");
    const output = execFileSync("/bin/bash", ["--norc", "-c", `exec 9>&1 >/dev/null 2>&1\n${script}\n:`], {
      env: { PATH: "" },
      encoding: "utf8",
    });
    return output
      .split("\n\0")
      .slice(0, -1)
      .map((words) => words.split("\0").slice(0, -1));
  };

  const fenced = (page: string) =>
    blocks(page, "sh").flatMap((block) => block.split("\n").filter((line) => /^everspot /.test(line)));
  // Words in capitals stand for something else; what is left out is said by an ellipsis.
  const inline = (page: string) =>
    [...textOf(page).matchAll(/`(everspot [a-z][^`]*)`/g)]
      .map(([, command]) => command ?? "")
      .filter((c) => !c.includes("…"));

  test.each(pages)("the command line understands those of %s", async (page) => {
    const stderr: string[] = [];
    vi.spyOn(process.stdout, "write").mockReturnValue(true);
    vi.spyOn(console, "log").mockReturnValue();
    vi.spyOn(process.stderr, "write").mockImplementation((text) => stderr.push(String(text)) > 0);
    const understood = () => {
      throw new EverspotError("understood", { exitCode: 99 });
    };
    const refusedOf = async (lines: readonly string[], unless: RegExp): Promise<string[]> => {
      const commands = wordsOf(lines);
      expect(commands).toHaveLength(lines.length);
      const refused: string[] = [];
      for (const words of commands) {
        stderr.length = 0;
        const config = ["--config", path.join(folder, "everspot.toml")];
        const code = await run([...config, ...words], "1.2.3", understood);
        const said = stderr.join("");
        if (code !== 99 && code !== 0 && !unless.test(said)) refused.push(`${words.join(" ")}: ${said}`);
      }
      return refused;
    };
    expect(await refusedOf(fenced(page), /^$/)).toEqual([]);
    // A sentence may name a command without all that it needs.
    const missing = /missing required argument|required option .* not specified/;
    const inSentences = inline(page).map((line) => line.replace(/ \[[^\]]*\]/g, ""));
    expect(await refusedOf(inSentences, missing)).toEqual([]);
  });
});

test.each(pages.filter((page) => blocks(page, "toml").length > 0))(
  "the configurations of %s are accepted",
  (page) => {
    for (const block of blocks(page, "toml")) {
      const whole = "site" in parse(block) ? block : `${MINIMAL}\n${block}`;
      expect(() => parseConfig(whole, "everspot.toml"), block).not.toThrow();
    }
  },
);
