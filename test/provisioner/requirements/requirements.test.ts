import { describe, expect, test } from "vitest";
import { findDeclaration } from "../../../provisioner/requirements/declaration.ts";
import {
  logicalLines,
  normalName,
  parseRequirement,
} from "../../../provisioner/requirements/requirement-lines.ts";
import { readRequirements } from "../../../provisioner/requirements/requirements.ts";
import { folder, type Tree } from "../release/folders.ts";

/** Markers do not hold, every Python is fine, and builds say that they require `built`. */
const inquiry = {
  evaluate: async () => new Map<string, boolean>(),
  satisfy: async (specifiers: readonly string[], versions: readonly string[]) =>
    specifiers.map(() => versions.map(() => true)),
  metadata: async () => ["built>1", 'fast; extra == "speed"'],
};
const target = { python: "3.13", arch: "x86_64" } as const;

const read = async (root: string, asked = inquiry) => {
  const { declaration, findings } = await findDeclaration(root);
  if (declaration === undefined) throw new Error(`nothing declared: ${JSON.stringify(findings)}`);
  return readRequirements(declaration, target, asked, {});
};
const texts = async (tree: Tree) => (await read(folder(tree))).lines.map((l) => l.text);

test("logical lines", () => {
  expect(logicalLines("a==1 \\\n  --hash=sha256:x\n# no\n\nb#c  # d\r\n")).toEqual([
    "a==1    --hash=sha256:x",
    "b#c",
  ]);
});

test("names are equal as PEP 503 has it", () => {
  expect(normalName("Ruamel.YAML__x")).toBe("ruamel-yaml-x");
});

test.each([
  ["Django", { name: "django", direct: false, local: false, pinned: false }],
  ["Django==5.2", { name: "django", pinned: true, text: "Django==5.2" }],
  ['django[argon2] == 5.2 ; python_version > "3"', { name: "django", pinned: true }],
  ["django==5.*", { pinned: false }],
  ["django==5.2,!=5.3", { pinned: false }],
  ["x==1 --hash=sha256:aa --hash sha256:bb", { text: "x==1", hashes: ["sha256:aa", "sha256:bb"] }],
  ["./lib", { name: undefined, direct: true, local: true, text: "/p/lib" }],
  ["-e ./lib", { direct: true, local: true, text: "/p/lib" }],
  ["--editable=lib/x", { direct: true, local: true, text: "/p/lib/x" }],
  ["./x-1-py3-none-any.whl", { direct: false, local: true, text: "/p/x-1-py3-none-any.whl" }],
  ["git+https://host/x.git@v1", { name: undefined, direct: true, local: false }],
  ["https://host/x-1.tar.gz", { direct: true, local: false, text: "https://host/x-1.tar.gz" }],
  ["x @ https://host/x-1-py3-none-any.whl", { name: "x", direct: false, local: false }],
  [
    "x @ git+https://host/x@0123456789012345678901234567890123456789",
    { name: "x", direct: true, pinned: true },
  ],
  ["x @ file:///p/x", { name: "x", direct: true, local: true }],
])("%s", (line, expected) => {
  expect(parseRequirement(line, "/p")).toMatchObject(expected);
});

test("requirements.txt comes before locks, those before pyproject.toml", async () => {
  const all: Tree = {
    "requirements.txt": "a\n",
    "uv.lock": "",
    "poetry.lock": "",
    "Pipfile.lock": "{}",
    "pyproject.toml": "[project]\ndependencies = []\n",
    "setup.cfg": "[options]\ninstall_requires =\n  a\n",
  };
  const order: (string | undefined)[] = [];
  for (let left = Object.keys(all).length; left > 0; left--) {
    const { declaration } = await findDeclaration(folder(all));
    order.push(declaration?.from);
    delete all[declaration?.from ?? ""];
  }
  expect(order).toEqual([
    "requirements.txt",
    "uv.lock",
    "poetry.lock",
    "Pipfile.lock",
    "pyproject.toml",
    "setup.cfg",
  ]);
  expect(await findDeclaration(folder({ "setup.cfg": "[flake8]\n" }))).toEqual({ findings: [] });
});

describe("requirements.txt", () => {
  test("files it names are read where they are, constraints kept apart", async () => {
    const found = await read(
      folder({
        "requirements.txt": "-r deps/base.txt\n-c deps/limits.txt\ntop\n",
        "deps/base.txt": "base\n--requirement more.txt\n-r ../requirements.txt\n./local\n",
        "deps/more.txt": "more==1\n",
        "deps/limits.txt": "base<3\n",
      }),
    );
    expect(found.lines.map((l) => l.text.replace(/.*\/deps/, "deps"))).toEqual([
      "base",
      "more==1",
      "deps/local",
      "top",
    ]);
    expect(found.constraints).toEqual(["base<3"]);
  });

  test("options about where packages are stay, those about formats go", async () => {
    const root = folder({
      "requirements.txt": `-i https://${["pypi", "python", "org"].join(".")}/simple\n--index-url https://index.example/simple\n-f wheels\n--no-binary :all:\n--only-binary=x\na\n`,
    });
    expect((await read(root)).options).toEqual([
      "--index-url https://index.example/simple",
      `--find-links ${root}/wheels`,
    ]);
    const line = `-i https://${["pypi", "org"].join(".")}/simple --extra-index-url https://own.example/simple  -f wheels`;
    const onOne = folder({ "requirements.txt": `${line}\na\n` });
    expect((await read(onOne)).options).toEqual([
      "--extra-index-url https://own.example/simple",
      `--find-links ${onOne}/wheels`,
    ]);
  });

  test("a file that is not there is named", async () => {
    await expect(read(folder({ "requirements.txt": "-r base.txt\n" }))).rejects.toThrow("base.txt is named");
  });

  test("the project itself stands for what it depends on", async () => {
    expect(
      await texts({
        "requirements.txt": "-e .\nx\n",
        "pyproject.toml": '[project]\nname = "s"\ndependencies = ["a>1"]\n',
      }),
    ).toEqual(["a>1", "x"]);
  });
});

describe("pyproject.toml", () => {
  test("its dependencies, and none", async () => {
    expect(await texts({ "pyproject.toml": '[project]\nname = "s"\ndependencies = ["a>1", "b"]\n' })).toEqual(
      ["a>1", "b"],
    );
    const none = folder({ "pyproject.toml": "[tool.ruff]\nline-length = 100\n" });
    expect((await findDeclaration(none)).declaration).toBeUndefined();
  });

  test.each([
    ["[tool.poetry.dependencies]\npython = '*'\ndjango = '^5'\n", "there is no poetry.lock"],
    ["[project]\nname = 's'\ndependencies = 'django'\n", "must be a list"],
    ["[project\n", "pyproject.toml is not TOML (line 1)"],
  ])("%j is an error", async (text, message) => {
    await expect(read(folder({ "pyproject.toml": text }))).rejects.toThrow(message);
  });
});

test.each([
  '[project]\nrequires-python = ">=3.14"\ndependencies = ["a"]\n',
  '[tool.poetry.dependencies]\npython = ">=3.14"\n',
])(
  "the Python that pyproject.toml asks for is compared, whatever says what is installed: %j",
  async (toml) => {
    const none = async (specifiers: readonly string[]) => specifiers.map(() => []);
    const root = folder({ "pyproject.toml": toml, "requirements.txt": "a\n" });
    expect((await read(root, { ...inquiry, satisfy: none })).findings).toMatchObject([
      { id: "packing.E020", what: expect.stringMatching(/in pyproject.toml|of pyproject.toml/) },
    ]);
  },
);

test("what pyproject.toml takes from elsewhere is not taken from an index by a list", async () => {
  const root = folder({
    "requirements.txt": "shared-lib\nother\n",
    "pyproject.toml": "[tool.uv.sources]\nshared-lib = { workspace = true }\n",
  });
  expect((await read(root)).findings).toMatchObject([{ id: "packing.E010" }]);
});

test("a lock without pyproject.toml is an error", async () => {
  await expect(read(folder({ "uv.lock": "version = 1\n" }))).rejects.toThrow("pyproject.toml is not");
});
