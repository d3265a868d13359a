import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { IgnoreRules, patternsBelow } from "../../../provisioner/release/ignore-rules.ts";
import { listProject } from "../../../provisioner/release/project.ts";
import { folder, type Tree } from "./folders.ts";

test.each([
  ["*.log", ["/a/**/*.log"]],
  ["/build", ["/a/build"]],
  ["x/y", ["/a/x/y"]],
  ["build/", ["/a/**/build/"]],
  ["!keep", ["!/a/**/keep"]],
  ["!/keep", ["!/a/keep"]],
  ["\\#name", ["/a/**/\\#name"]],
  ["# comment\n\n/", []],
  ["\uFEFFone\r\ntwo\r\n", ["/a/**/one", "/a/**/two"]],
])("%j in a folder", (text, expected) => {
  expect(patternsBelow("a", text)).toEqual(expected);
});

test("a folder's own name is no pattern", () => {
  const rules = new IgnoreRules().with("a[1] *", { git: "secret" });
  expect(rules.ignores("a[1] */secret", false)).toBe(true);
  expect(rules.ignores("a1 x/secret", false)).toBe(false);
});

test(".everspotignore overrules every .gitignore, also deeper ones", () => {
  const rules = new IgnoreRules()
    .with("", { git: "dist/\n", everspot: "!dist/\ndocs/\n" })
    .with("web", { git: "dist/\n" });
  expect(rules.ignores("dist", true)).toBe(false);
  expect(rules.ignores("web/dist", true)).toBe(false);
  expect(rules.ignores("web/dist/app.js", false)).toBe(false);
  expect(rules.ignores("docs", true)).toBe(true);
});

describe("like git itself:", () => {
  const cases: Record<string, Tree> = {
    plain: {
      ".gitignore": "*.log\n/only-top\nout/\n",
      "a.log": "",
      "only-top": "",
      "x/only-top": "",
      "x/out/y": "",
      out: "",
    },
    nested: {
      ".gitignore": "*.txt\nbuild/\n",
      "a/.gitignore": "!keep.txt\n!build/\nlocal\n",
      "a/keep.txt": "",
      "a/other.txt": "",
      "a/build/x": "",
      "build/x": "",
      "a/local": "",
      local: "",
      "a/b/local": "",
      "a/b/.gitignore": "!local\n",
    },
    "nothing comes back below what is left out": {
      ".gitignore": "logs/\n!logs/keep\n",
      "logs/keep": "",
      "other/*": "",
    },
    "contents of a folder": {
      ".gitignore": "data/*\n!data/keep\n",
      "data/keep": "",
      "data/drop": "",
      "data/x/y": "",
    },
    stars: {
      ".gitignore": "**/cache\nfoo/**/bar\n*.[oa]\n",
      "x/cache/y": "",
      "foo/1/2/bar": "",
      "foo/bar": "",
      "z.o": "",
      "z.b": "",
    },
    odd: {
      ".gitignore": "\\#hash\n\\!bang\nspace\\ \nTEMP\n",
      "#hash": "",
      "!bang": "",
      "space ": "",
      temp: "",
      TEMP: "",
    },
    "odd folder names": {
      "we[i]rd!/.gitignore": "x\n/y\n",
      "we[i]rd!/x": "",
      "we[i]rd!/y": "",
      "weird!/x": "",
    },
  };
  test.each(Object.keys(cases))("%s", async (name) => {
    const root = folder(cases[name]);
    await execa("git", ["init", "-q", root]);
    const { stdout } = await execa("git", [
      "-C",
      root,
      "-c",
      "core.excludesFile=/dev/null",
      "ls-files",
      "-z",
      "--others",
      "--exclude-standard",
    ]);
    const project = await listProject(root);
    expect(project.files.map((f) => f.path)).toEqual(stdout.split("\0").filter(Boolean).sort());
  });
});

test("ignore files above the project count, up to the repository's top", async () => {
  const root = folder({
    ".gitignore": "*.log\n/web/tmp\nleft-out/\n",
    "web/.gitignore": "!keep.log\n",
    "web/a.log": "",
    "web/keep.log": "",
    "web/tmp/x": "",
    "web/app.py": "",
    "left-out/app.py": "",
  });
  await execa("git", ["init", "-q", root]);
  const paths = async (name: string) => (await listProject(`${root}/${name}`)).files.map((f) => f.path);
  expect(await paths("web")).toEqual([".gitignore", "app.py", "keep.log"]);
  expect(await paths("left-out")).toEqual(["app.py"]);
});
