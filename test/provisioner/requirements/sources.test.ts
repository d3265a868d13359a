import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { findDeclaration } from "../../../provisioner/requirements/declaration.ts";
import { decode } from "../../../provisioner/requirements/decode.ts";
import {
  ownNames,
  registryFindings,
  withoutCredentials,
} from "../../../provisioner/requirements/own-names.ts";
import { pipfileRequirements } from "../../../provisioner/requirements/pipfile-lock.ts";
import { argumentsOf, registryOptions } from "../../../provisioner/requirements/registries.ts";
import { folder } from "../release/folders.ts";

/** The index that pip asks anyway. */
const PYPI = `https://${["pypi", "org"].join(".")}/simple`;

test("text in any encoding that editors and shells write", () => {
  const utf16 = Buffer.from("dj=1\r\n", "utf16le");
  expect(decode(Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]))).toBe("dj=1\r\n");
  expect(decode(Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from(utf16).swap16()]))).toBe("dj=1\r\n");
  expect(decode(utf16)).toBe("dj=1\r\n");
  expect(decode(Buffer.from(utf16).swap16())).toBe("dj=1\r\n");
  expect(decode(Buffer.from("\uFEFFü"))).toBe("ü");
  expect(decode(Buffer.from("x # \xfc", "latin1"))).toBe("x # ü");
  expect(decode(Buffer.alloc(0))).toBe("");
});

test("names that pyproject.toml takes from elsewhere than the index", () => {
  const project = parse(`
[tool.uv.sources]
A_a = { workspace = true }
b = [{ git = "https://h/b", marker = "x" }, { index = "own", marker = "y" }]
c = { index = "own" }
not-one = { workspace = false }
[tool.poetry.dependencies]
d = { path = "../d", develop = true }
e = { version = "^1", source = "own" }
django = "^5"
f = [{ version = "1" }, { url = "https://h/f.whl" }]
[tool.poetry.group.dev.dependencies]
g = { git = "https://h/g" }
`);
  expect([...ownNames(project).keys()]).toEqual(["a-a", "b", "c", "d", "e", "f", "g"]);
  expect(ownNames(undefined).size).toBe(0);
});

test("registries of pyproject.toml in any of its forms, PyPI's own left out", () => {
  const project = parse(`
[tool.uv]
index-url = "${PYPI}"
extra-index-url = ["https://a.example/simple"]
[[tool.uv.index]]
url = "https://b.example/simple"
[[tool.poetry.source]]
name = "c"
url = "https://c.example/simple"
[[tool.pdm.source]]
url = "https://d.example/simple"
`);
  const hints = registryFindings(project, "pyproject.toml").map(
    (f) => `${/https:\S+/.exec(f.what)?.[0]} ${f.hint}`,
  );
  expect(hints).toEqual([
    "https://a.example/simple, run `uv lock`",
    "https://b.example/simple, run `uv lock`",
    "https://c.example/simple, run `poetry lock`",
    "https://d.example/simple, run `pdm export -o requirements.txt --prod`",
  ]);
});

test("registries as pip's options: with their credentials, folders in full, none where none is to be asked", () => {
  const registries = [{ at: PYPI }, { at: "https://own.example/simple", name: "our-own" }, { at: "wheels" }];
  expect(registryOptions(registries, "/p", {})).toEqual([
    "--extra-index-url https://own.example/simple",
    "--find-links /p/wheels",
  ]);
  const login = { POETRY_HTTP_BASIC_OUR_OWN_USERNAME: "u", POETRY_HTTP_BASIC_OUR_OWN_PASSWORD: "p w" };
  expect(registryOptions(registries, "/p", login)[0]).toBe(
    "--extra-index-url https://u:p%20w@own.example/simple",
  );
  expect(registryOptions(registries, "/p", { PIP_NO_INDEX: "1" })).toEqual([]);
  expect(withoutCredentials("a https://u:p@h/x git+ssh://git@h/y")).toBe("a https://…@h/x git+ssh://…@h/y");
});

test.each([
  ["-i https://h/simple", ["-i", "https://h/simple"]],
  ["-ihttps://h/simple", ["-i", "https://h/simple"]],
  ["--extra-index-url=https://h", ["--extra-index-url", "https://h"]],
  ["--find-links '/a b'", ["--find-links", "/a b"]],
  ["--no-index", ["--no-index"]],
])("%j as arguments", (option, expected) => {
  expect(argumentsOf(option)).toEqual(expected);
});

describe("Pipfile.lock", () => {
  const lock = (packages: object, requires = {}) =>
    JSON.stringify({
      _meta: { requires, sources: [{ name: "own", url: `https://\${OWN_USER}:$PW@own.example/simple` }] },
      default: packages,
    });
  const all = async (markers: readonly string[]) => new Map(markers.map((m) => [m, m !== "no"]));
  const read = (text: string, pipfile = "") => pipfileRequirements(text, parse(pipfile), all, { PW: "x" });

  test("packages, repositories, folders, extras, markers, registries, Python", async () => {
    const found = await read(
      lock(
        {
          b: { version: "==1", hashes: ["sha256:x"], extras: ["e"], index: "own", markers: "yes" },
          c: { version: "==1", markers: "no" },
          d: { git: "https://h/d.git", ref: "0123" },
          e: { path: "./libs/e", editable: true },
        },
        { python_version: "3.11" },
      ),
    );
    expect(found.packages.map((p) => p.text)).toEqual([
      "././libs/e",
      "b[e]==1 --hash=sha256:x",
      "d @ git+https://h/d.git@0123",
    ]);
    expect(found.packages[1]?.registry?.at).toBe(`https://\${OWN_USER}:x@own.example/simple`);
    expect(found.python).toBe("==3.11.*");
  });

  test.each([
    ["{", "", "Pipfile.lock cannot be read"],
    ["{}", "", "Pipfile.lock cannot be read: _meta"],
    [lock({}), '[packages]\nDjango = "*"\n', "older than the Pipfile: it lacks django"],
  ])("%j is an error", async (text, pipfile, message) => {
    await expect(read(text, pipfile)).rejects.toThrow(message);
  });
});

describe("which file declares the dependencies", () => {
  const from = async (root: string) => (await findDeclaration(root)).declaration?.from;

  test("a list for production among others, and not one for development", async () => {
    expect(await from(folder({ "requirements-dev.txt": "", "requirements-prod.txt": "" }))).toBe(
      "requirements-prod.txt",
    );
    const only = await findDeclaration(folder({ "requirements/dev.txt": "" }));
    expect(only).toMatchObject({ declaration: undefined, findings: [{ id: "packing.E030" }] });
    expect(
      await from(folder({ "requirements/prod.txt": "", "requirements/production.txt": "" })),
    ).toBeUndefined();
  });

  test("one above the project, as far as its repository goes; a form that is not read is refused", async () => {
    const root = folder({ ".git/HEAD": "", "requirements.txt": "a", "backend/manage.py": "" });
    expect(await findDeclaration(`${root}/backend`)).toMatchObject({
      declaration: { from: "../requirements.txt" },
      findings: [{ id: "packing.W030" }],
    });
    expect(await findDeclaration(folder({ Pipfile: "[packages]\n" }))).toMatchObject({
      declaration: undefined,
      findings: [{ id: "packing.E031", hint: expect.stringContaining("pipenv lock") }],
    });
  });

  test("a file for a tool's settings declares nothing, and what lies above a repository is not looked at", async () => {
    const root = folder({
      "requirements.txt": "a",
      "repository/.git/HEAD": "",
      "repository/site/pyproject.toml": "[tool.black]\n",
      "repository/site/setup.cfg": "[flake8]\n",
    });
    expect(await findDeclaration(`${root}/repository/site`)).toEqual({ findings: [] });
  });
});
