import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { poetryRequirements as readPoetry } from "../../../provisioner/requirements/poetry-lock.ts";
import { uvRequirements as readUv } from "../../../provisioner/requirements/uv-lock.ts";

const uvRequirements = async (...args: Parameters<typeof readUv>) =>
  (await readUv(...args)).packages.map((p) => p.text);
const poetryRequirements = async (...args: Parameters<typeof readPoetry>) =>
  (await readPoetry(...args)).packages.map((p) => p.text);

/** Markers that hold, among all that were asked about. */
const holding = (...markers: string[]) => {
  const asked: string[] = [];
  const evaluate = async (list: readonly string[]) => {
    asked.push(...list);
    return new Map(list.map((m) => [m, markers.includes(m)]));
  };
  return { asked, evaluate };
};

const project = (dependencies: string[]) =>
  parse(`[project]\nname = "My.Site"\ndependencies = ${JSON.stringify(dependencies)}\n`);

describe("uv.lock", () => {
  const registry = 'source = { registry = "https://index.example/simple" }';
  const uv = (root: string, rest: string) =>
    parse(
      `version = 1\nrevision = 3\nrequires-python = ">=3.11"\n[[package]]\nname = "my-site"\nversion = "0"\nsource = { editable = "." }\n${root}\n${rest}`,
    );
  const pkg = (name: string, more = "", version = "1.0") =>
    `[[package]]\nname = "${name}"\nversion = "${version}"\n${registry}\n${more}\n`;

  test("what is reachable by markers that hold, with extras, without groups", async () => {
    const lock = uv(
      `dependencies = [{ name = "django", extra = ["argon2"] }, { name = "win", marker = "sys_platform == 'win32'" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[package.optional-dependencies]
cache = [{ name = "redis" }]`,
      [
        pkg(
          "django",
          `dependencies = [{ name = "asgiref", marker = "python_version > '3'" }]
sdist = { url = "u", hash = "sha256:s", size = 1 }
wheels = [{ url = "u", hash = "sha256:w1" }, { url = "u", hash = "sha256:w2" }]
[package.optional-dependencies]
argon2 = [{ name = "argon2-cffi" }]
bcrypt = [{ name = "bcrypt" }]`,
        ),
        pkg("asgiref", 'dependencies = [{ name = "django" }]'),
        pkg("argon2-cffi"),
        ...["bcrypt", "win", "pytest", "redis"].map((n) => pkg(n)),
      ].join(""),
    );
    const { evaluate } = holding("python_version > '3'");
    expect(await uvRequirements(lock, project(["Django[argon2]>5", "win"]), evaluate)).toEqual([
      "argon2-cffi==1.0",
      "asgiref==1.0",
      "django==1.0 --hash=sha256:s --hash=sha256:w1 --hash=sha256:w2",
    ]);
  });

  test("two versions of a package, each for its markers", async () => {
    const lock = uv(
      `dependencies = [
  { name = "np", version = "1.0", source = { registry = "r" }, marker = "python_version < '3.12'" },
  { name = "np", version = "2.0", source = { registry = "r" }, marker = "python_version >= '3.12'" },
]`,
      pkg("np") + pkg("np", "", "2.0"),
    );
    const { evaluate } = holding("python_version >= '3.12'");
    expect(await uvRequirements(lock, project(["np"]), evaluate)).toEqual(["np==2.0"]);
  });

  test("repositories, addresses and folders", async () => {
    const lock = uv(
      'dependencies = [{ name = "a" }, { name = "b" }, { name = "c" }]',
      `[[package]]\nname = "a"\nversion = "1"\nsource = { git = "https://host/a.git?rev=main&subdirectory=py#0123" }
[[package]]\nname = "b"\nversion = "1"\nsource = { url = "https://host/b.zip" }\nsdist = { hash = "sha256:b" }
[[package]]\nname = "c"\nversion = "1"\nsource = { editable = "packages/c" }\n`,
    );
    expect(await uvRequirements(lock, project(["a", "b", "c"]), holding().evaluate)).toEqual([
      "./packages/c",
      "a @ git+https://host/a.git@0123#subdirectory=py",
      "b @ https://host/b.zip --hash=sha256:b",
    ]);
  });

  test("a lock older than the project, of another version, or of another project is an error", async () => {
    const { evaluate } = holding();
    const lock = uv('dependencies = [{ name = "a" }]', pkg("a"));
    await expect(uvRequirements(lock, project(["a", "New_One>1"]), evaluate)).rejects.toThrow(
      "uv.lock is older than pyproject.toml: it lacks new-one",
    );
    await expect(uvRequirements(parse("version = 2"), project([]), evaluate)).rejects.toThrow(
      "uv.lock cannot be read",
    );
    await expect(uvRequirements(parse("version = 1"), project([]), evaluate)).rejects.toThrow(
      "does not describe the project",
    );
  });
});

describe("poetry.lock", () => {
  const poetry = (packages: string) =>
    parse(`${packages}\n[metadata]\nlock-version = "2.1"\npython-versions = ">=3.11"\n`);
  const pkg = (name: string, more = "", version = "1.0") =>
    `[[package]]\nname = "${name}"\nversion = "${version}"\noptional = false\npython-versions = "*"\nfiles = [{ file = "f", hash = "sha256:${name}" }]\n${more}\n`;

  test("what main dependencies need, of Poetry 1's table and of PEP 621", async () => {
    const lock = poetry(
      [
        pkg(
          "django",
          `[package.dependencies]\nasgiref = ">=3"\ntzdata = { version = "*", markers = "sys_platform == 'win32'" }
argon2-cffi = { version = ">=19", optional = true, markers = "extra == \\"argon2\\"" }
bcrypt = { version = "*", optional = true }
[package.extras]\nargon2 = ["argon2-cffi (>=19)"]\nbcrypt = ["bcrypt"]`,
        ),
        ...["asgiref", "tzdata", "argon2-cffi", "bcrypt", "pytest"].map((n) => pkg(n)),
      ].join(""),
    );
    const expected = [
      "argon2-cffi==1.0 --hash=sha256:argon2-cffi",
      "asgiref==1.0 --hash=sha256:asgiref",
      "django==1.0 --hash=sha256:django",
    ];
    const table = parse(
      '[tool.poetry.dependencies]\npython = "^3.11"\nDjango = { version = "^5", extras = ["argon2"] }\nopt = { version = "1", optional = true }\n[tool.poetry.group.dev.dependencies]\npytest = "*"\n',
    );
    expect(await poetryRequirements(lock, table, holding().evaluate)).toEqual(expected);
    expect(await poetryRequirements(lock, project(["django[argon2] (>=5,<6)"]), holding().evaluate)).toEqual(
      expected,
    );
  });

  test("two versions of a package, each for its markers", async () => {
    const lock = poetry(
      pkg("np", "markers = \"python_version < '3.12'\"") +
        pkg("np", "markers = { main = \"python_version >= '3.12'\" }", "2.0"),
    );
    const { evaluate, asked } = holding("python_version >= '3.12'");
    expect(await poetryRequirements(lock, project(["np"]), evaluate)).toEqual(["np==2.0 --hash=sha256:np"]);
    expect(asked).toHaveLength(2);
    const both = holding("python_version < '3.12'", "python_version >= '3.12'").evaluate;
    await expect(poetryRequirements(lock, project(["np"]), both)).rejects.toThrow("np 1.0 and 2.0");
  });

  test("repositories, addresses, folders and private indexes", async () => {
    const from = (name: string, type: string, url: string, more = "") =>
      pkg(name, `[package.source]\ntype = "${type}"\nurl = "${url}"\n${more}`);
    const lock = poetry(
      from("a", "git", "https://host/a.git", 'reference = "main"\nresolved_reference = "0123"') +
        from("b", "url", "https://host/b.zip") +
        from("c", "directory", "libs/c") +
        from("d", "legacy", "https://private.example/simple"),
    );
    expect(await poetryRequirements(lock, project(["a", "b", "c", "d"]), holding().evaluate)).toEqual([
      "./libs/c",
      "a @ git+https://host/a.git@0123",
      "b @ https://host/b.zip --hash=sha256:b",
      "d==1.0 --hash=sha256:d",
    ]);
  });

  test("a lock older than the project, or of an old form, is an error", async () => {
    const { evaluate } = holding();
    await expect(poetryRequirements(poetry(pkg("a")), project(["a", "b"]), evaluate)).rejects.toThrow(
      "it lacks b",
    );
    const old = parse('[metadata]\nlock-version = "1.1"\n');
    await expect(poetryRequirements(old, project([]), evaluate)).rejects.toThrow("must be 2.x");
  });
});
