/** Other people's projects, packed with Debian's real pip out of an index on loopback. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { execa } from "execa";
import { describe, expect, onTestFinished, test } from "vitest";
import { unpackRelease } from "../../agent/release/unzip.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { Refused } from "../../provisioner/findings/finding.ts";
import { prepare } from "../../provisioner/init/learn.ts";
import { layoutOf } from "../../provisioner/project/layout.ts";
import { type Packed, type PackOptions, packRelease } from "../../provisioner/release/pack.ts";
import { type PackageIndex, packageIndex } from "../provisioner/dependencies/package-index.ts";
import { STARTPROJECT } from "../provisioner/project/project.ts";
import { folder, type Tree, write } from "../provisioner/release/folders.ts";
import { sdist, source, wheel } from "../provisioner/release/wheelhouse.ts";
import { DEBIAN_PATH } from "./debian.ts";

/** The index that pip asks anyway. */
const PYPI = `https://${["pypi", "org"].join(".")}/simple`;

const pipEnv = (index: PackageIndex): NodeJS.ProcessEnv => ({
  PATH: DEBIAN_PATH,
  HOME: folder(),
  PIP_CONFIG_FILE: "/dev/null",
  PIP_INDEX_URL: index.url,
  PIP_RETRIES: "0",
});

const pack = (root: string, index: PackageIndex, more: Partial<PackOptions> = {}) =>
  packRelease({
    folder: root,
    python: "3.13",
    arch: "x86_64",
    allow: [],
    stagingDir: folder(),
    cacheDir: path.join(folder(), "cache"),
    env: pipEnv(index),
    ...more,
  });

async function failure(packing: Promise<unknown>): Promise<EverspotError> {
  const error = await packing.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(EverspotError);
  return error as EverspotError;
}

const findingsOf = (error: EverspotError) => (error instanceof Refused ? error.findings : []);

async function unpacked(packed: Packed): Promise<string> {
  const into = path.join(folder(), "release");
  await unpackRelease(packed.file, into);
  return path.join(into, ".everspot/python");
}

const hash = (file: string) => `sha256:${createHash("sha256").update(readFileSync(file)).digest("hex")}`;

/** What a stranger published: higher than any version of one's own. */
const STRANGER = "99.0";

describe("a name of the project's own is never taken from the index", () => {
  const workspace: Tree = {
    "pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\n',
    "uv.lock": `
version = 1
requires-python = ">=3.11"
[[package]]
name = "site"
version = "0.1.0"
source = { virtual = "packages/site" }
dependencies = [{ name = "shared-lib" }, { name = "alpha" }]
[[package]]
name = "shared-lib"
version = "1.0"
source = { editable = "packages/shared lib" }
[[package]]
name = "alpha"
version = "1.0"
source = { registry = "${PYPI}" }
wheels = [{ url = "https://files.example/alpha-1.0-py3-none-any.whl", hash = "ALPHA" }]
`,
    "packages/site/pyproject.toml":
      '[project]\nname = "site"\nversion = "0.1.0"\ndependencies = ["shared-lib", "alpha"]\n[tool.uv.sources]\nshared-lib = { workspace = true }\n',
    "packages/site/manage.py": "",
  };

  test("a workspace's lock is found above, and its members are taken from their folders", async () => {
    const links = folder();
    const alpha = hash(wheel(links, "alpha", "1.0"));
    wheel(links, "shared-lib", STRANGER);
    const root = folder({ ...workspace, "uv.lock": String(workspace["uv.lock"]).replace("ALPHA", alpha) });
    write(path.join(root, "packages/shared lib"), source("shared_lib", "1.0"));
    const index = await packageIndex(links);
    const packed = await pack(path.join(root, "packages/site"), index);
    expect(packed.packages).toEqual(["alpha 1.0", "shared_lib 1.0"]);
    expect(index.asked).not.toContain("shared-lib");
  });

  test.each<[string, Tree]>([
    [
      "a workspace member without a lock",
      { "pyproject.toml": String(workspace["packages/site/pyproject.toml"]) },
    ],
    [
      "a folder of [tool.uv.sources], exported without its place",
      {
        "requirements.txt": "shared-lib\nalpha\n",
        "pyproject.toml":
          '[project]\nname = "site"\ndependencies = ["shared-lib"]\n[tool.uv.sources]\nshared-lib = { path = "../shared" }\n',
      },
    ],
    [
      "a repository of Poetry's table beside [project]",
      {
        "pyproject.toml":
          '[project]\nname = "site"\ndependencies = ["shared-lib"]\n[tool.poetry.dependencies]\nshared-lib = { git = "https://host.example/x.git" }\n',
      },
    ],
  ])("%s is refused", async (_what, tree) => {
    const links = folder();
    wheel(links, "alpha", "1.0");
    wheel(links, "shared-lib", STRANGER);
    const index = await packageIndex(links);
    const error = await failure(pack(folder(tree), index));
    expect(findingsOf(error)).toEqual([
      expect.objectContaining({ id: "packing.E010", what: expect.stringContaining("shared-lib is a") }),
    ]);
    expect(index.asked).toEqual([]);
  });

  test("nor when a folder that is built requires its neighbour by name", async () => {
    const links = folder();
    wheel(links, "neighbour", STRANGER);
    const one = source("one", "1.0", "py3-none-any", ["neighbour"]);
    const root = folder({ "requirements.txt": "./one\n" });
    write(path.join(root, "one"), {
      ...one,
      "pyproject.toml": `${one["pyproject.toml"]}\n[tool.uv.sources]\nneighbour = { workspace = true }\n`,
    });
    const error = await failure(pack(root, await packageIndex(links)));
    expect(error.message).toContain("neighbour is a workspace member");
  });
});

describe("registries that the project names", () => {
  const project = (registry: string, sum: string): Tree => ({
    "pyproject.toml": `[project]\nname = "site"\ndependencies = ["private"]\n[[tool.uv.index]]\nname = "our-own"\nurl = "${registry}"\nexplicit = true\n[tool.uv.sources]\nprivate = { index = "our-own" }\n`,
    "uv.lock": `version = 1
[[package]]
name = "site"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "private" }]
[[package]]
name = "private"
version = "1.0"
source = { registry = "${registry}" }
wheels = [{ url = "${registry}private-1.0-py3-none-any.whl", hash = "${sum}" }]
`,
  });

  test("a lock's is asked, with the credentials that uv is given; a stranger's package is not taken", async () => {
    const [own, everyone] = [folder(), folder()];
    const sum = hash(wheel(own, "private", "1.0"));
    wheel(everyone, "private", "1.0", { files: { "private.py": "stolen = True\n" } });
    const [registry, index] = [await packageIndex(own, { login: true }), await packageIndex(everyone)];
    const login = { UV_INDEX_OUR_OWN_USERNAME: "user", UV_INDEX_OUR_OWN_PASSWORD: "secret-word" };
    const root = folder(project(registry.url, sum));
    const packed = await pack(root, index, { env: { ...pipEnv(index), ...login } });
    expect(readFileSync(path.join(await unpacked(packed), "private.py"), "utf8")).toContain("VERSION");

    const error = await failure(pack(root, await packageIndex(folder())));
    expect(error.message).toContain(registry.url);
  });

  test("one of requirements.txt is respected, also in a list that it names, and is named in errors without its password", async () => {
    const own = folder();
    wheel(own, "private", "1.0");
    const registry = await packageIndex(own, { login: true });
    const index = await packageIndex(folder());
    const root = folder({
      "requirements.txt": "-r more.txt\nprivate\n",
      "more.txt": `-i ${registry.urlWithLogin}\n`,
    });
    expect((await pack(root, index)).packages).toEqual(["private 1.0"]);
    expect(index.asked).toEqual([]);

    write(root, { "more.txt": `--extra-index-url ${registry.urlWithLogin}\nnowhere\n` });
    const error = await failure(pack(root, index));
    expect(error.message).toContain(registry.url.replace("127", "…@127"));
    expect(JSON.stringify([error.message, error.lines, findingsOf(error)])).not.toContain("secret-word");
  });

  test("one that only pyproject.toml names is refused: no one can say what comes from it", async () => {
    const root = folder({
      "pyproject.toml":
        '[project]\nname = "site"\ndependencies = ["alpha"]\n[[tool.uv.index]]\nurl = "https://user:pw@packages.example/simple"\n',
    });
    const error = await failure(pack(root, await packageIndex(folder())));
    expect(error.message).toBe(
      "pyproject.toml names the registry https://…@packages.example/simple, and no lock says which packages come from there (packing.E011)",
    );
  });
});

describe("nothing is packed without its packages in silence", () => {
  test("Pipfile.lock: its default packages", async () => {
    const links = folder();
    const alpha = hash(wheel(links, "alpha", "1.0"));
    wheel(links, "alpha", "1.1");
    const lock = {
      _meta: {
        requires: { python_version: "3.13" },
        sources: [{ name: "pypi", url: PYPI }],
      },
      default: {
        alpha: { hashes: [alpha], index: "pypi", version: "==1.0", markers: "python_version >= '3.7'" },
        old: { hashes: [alpha], index: "pypi", version: "==1.0", markers: "python_version < '3.7'" },
      },
      develop: { pytest: { hashes: [alpha], version: "==8.0" } },
    };
    const root = folder({ Pipfile: '[packages]\nalpha = "*"\n', "Pipfile.lock": JSON.stringify(lock) });
    expect((await pack(root, await packageIndex(links))).packages).toEqual(["alpha 1.0"]);
  });

  test("requirements/production.txt is found, and said; UTF-16 is read", async () => {
    const links = folder();
    for (const name of ["alpha", "beta"]) wheel(links, name, "1.0");
    const utf16 = (text: string) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, "utf16le")]);
    const root = folder({
      "requirements/base.txt": utf16("alpha==1.0\r\n"),
      "requirements/dev.txt": "-r base.txt\n",
      "requirements/production.txt": utf16("-r base.txt\r\nbeta\r\n"),
    });
    const packed = await pack(root, await packageIndex(links));
    expect(packed.packages).toEqual(["alpha 1.0", "beta 1.0"]);
    expect(packed.findings).toMatchObject([
      { id: "packing.W030", what: "the dependencies are those of requirements/production.txt" },
    ]);
  });

  test.each<[string, Tree, string]>([
    ["Pipfile", { Pipfile: "[packages]\n" }, "pipenv lock"],
    [
      "several lists",
      { "requirements/a.txt": "", "requirements/b.txt": "" },
      "requirements.txt with one line: -r ",
    ],
    ["pdm.lock", { "pdm.lock": "" }, "pdm export"],
  ])("%s is refused", async (_what, tree, hint) => {
    const error = await failure(pack(folder({ "app.py": "", ...tree }), await packageIndex(folder())));
    expect(findingsOf(error)).toEqual([expect.objectContaining({ hint: expect.stringContaining(hint) })]);
  });

  test("a list above the project, in its repository, is found", async () => {
    const links = folder();
    wheel(links, "alpha", "1.0");
    const root = folder({ "requirements.txt": "alpha\n", "backend/manage.py": "", ".git/HEAD": "x" });
    const packed = await pack(path.join(root, "backend"), await packageIndex(links));
    expect(packed.packages).toEqual(["alpha 1.0"]);
    expect(packed.findings).toMatchObject([{ what: "the dependencies are those of ../requirements.txt" }]);
  });

  test("setup.py says by being built what it requires, and leaves nothing in the project", async () => {
    const links = folder();
    wheel(links, "alpha", "1.0");
    const root = folder({
      "setup.py": "setup(install_requires=['alpha'])\n",
      ...source("site", "1.0", "py3-none-any", ["alpha"]),
    });
    const before = readdirSync(root);
    const packed = await pack(root, await packageIndex(links));
    expect(packed.packages).toEqual(["alpha 1.0"]);
    expect(readdirSync(root)).toEqual(before);
  });
});

describe("Python", () => {
  test("what needs a newer Python than pip runs in is packed, built or not; what the instance is too old for is not", async () => {
    const links = folder();
    wheel(links, "alpha", "6.0", { requiresPython: ">=3.12" });
    sdist(links, "pure", "1.0", "py3-none-any", ">=3.12");
    wheel(links, "future", "1.0", { requiresPython: ">=3.14" });
    const requiresPython = {
      "alpha-6.0-py3-none-any.whl": ">=3.12",
      "pure-1.0.zip": ">=3.12",
      "future-1.0-py3-none-any.whl": ">=3.14",
    };
    const index = await packageIndex(links, { requiresPython });
    const packed = await pack(folder({ "requirements.txt": "alpha\npure\n" }), index);
    expect(packed.packages).toEqual(["alpha 6.0", "pure 1.0"]);
    const error = await failure(pack(folder({ "requirements.txt": "future==1.0\n" }), index));
    expect(error.message).toBe(
      "future==1.0 requires Python >=3.14, and the instance has Python 3.13.5 (debian-13) (packing.E023)",
    );
    const older = await failure(
      pack(folder({ "requirements.txt": "alpha==6.0\n" }), index, { python: "3.11" }),
    );
    expect(older.message).toContain("requires Python >=3.12, and the instance has Python 3.11.2 (debian-12)");
    expect(older.hint).toContain('set [image] os = "debian-13"');
  });

  test("a lock made for another Python is not called tampered with", async () => {
    const links = folder();
    const old = hash(wheel(links, "fast", "1.0", { tag: "cp311-cp311-manylinux2014_x86_64" }));
    wheel(links, "fast", "1.0", { tag: "cp313-cp313-manylinux2014_x86_64" });
    const index = await packageIndex(links);
    const lock = `version = 1
requires-python = "==3.11.4"
[[package]]
name = "site"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "fast" }]
[[package]]
name = "fast"
version = "1.0"
source = { registry = "${PYPI}" }
wheels = [{ url = "https://files.example/fast-1.0-cp311-cp311-manylinux2014_x86_64.whl", hash = "${old}" }]
`;
    const project = { "pyproject.toml": '[project]\nname = "site"\ndependencies = ["fast"]\n' };
    const locked = folder({ ...project, "uv.lock": lock });
    expect(await failure(pack(locked, index))).toMatchObject({
      message:
        "the Python in uv.lock asks for Python ==3.11.4, but the instance has Python 3.13.5 (debian-13) (packing.E020)",
      hint: 'set [image] os = "debian-12", which has Python 3.11.2',
    });
    expect((await pack(locked, index, { python: "3.11" })).findings).toMatchObject([{ id: "packing.W020" }]);

    const unsaid = folder({ ...project, "uv.lock": lock.replace(/requires-python.*\n/, "") });
    expect(await failure(pack(unsaid, index))).toMatchObject({
      message:
        "uv.lock has of fast==1.0 wheels for Python 3.11 only, and the instance has Python 3.13.5 (debian-13) (packing.E021)",
      hint: expect.stringContaining('set [image] os = "debian-12"'),
    });
    const list = folder({ "requirements.txt": `fast==1.0 --hash=${old}\n` });
    expect(await failure(pack(list, index))).toMatchObject({
      message:
        "the hashes of fast==1.0 in requirements.txt are those of its wheels for Python 3.11, and the instance has Python 3.13.5 (debian-13) (packing.E024)",
      hint: expect.stringContaining('set [image] os = "debian-12"'),
    });
  });
});

test("`-e .` beside lines with hashes, as uv exports them, and folders in a path with spaces and dashes", async () => {
  const links = folder();
  const alpha = hash(wheel(links, "alpha", "1.0"));
  wheel(path.join(links), "beta", "1.0");
  const index = await packageIndex(links);
  const root = path.join(folder(), "My Site - v2 #1");
  write(root, {
    "requirements.txt": `-e .\n./my libs/one - lib ; sys_platform == 'linux'\nalpha==1.0 \\\n    --hash=${alpha}\n`,
    "pyproject.toml": '[project]\nname = "site"\ndependencies = ["alpha"]\n',
  });
  write(path.join(root, "my libs/one - lib"), source("one", "0.1"));
  const packed = await pack(root, index);
  expect(packed.packages).toEqual(["alpha 1.0", "one 0.1"]);

  mkdirSync(path.join(root, "wheel house"));
  wheel(path.join(root, "wheel house"), "gamma", "1.0");
  write(root, { "requirements.txt": ".[more]\n-f wheel house\ngamma\n" });
  write(root, {
    "pyproject.toml":
      '[project]\nname = "site"\ndependencies = ["alpha"]\n[project.optional-dependencies]\nmore = ["beta"]\n',
  });
  expect((await pack(root, index)).packages).toEqual(["alpha 1.0", "beta 1.0", "gamma 1.0"]);
});

test("packages without a wheel are named all at once, each with its way out, before anything is built", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0", { requires: ["mysqlclient>=2"] });
  const compiled = "cp313-cp313-linux_x86_64";
  for (const name of ["uwsgi", "psycopg2", "mysqlclient"]) sdist(links, name, "2.9", compiled);
  sdist(links, "pure", "1.0");
  wheel(links, "psycopg2", "2.8", { tag: "cp311-cp311-manylinux2014_x86_64" });
  const index = await packageIndex(links);
  const seen: string[] = [];
  const root = folder({ "requirements.txt": "alpha\nuwsgi\npsycopg2==2.8\npure\n" });
  const error = await failure(pack(root, index, { onProgress: ({ detail = "" }) => seen.push(detail) }));
  const found = findingsOf(error);
  const hint = (name: string) => found.find((f) => f.where?.startsWith(name))?.hint;
  expect(found.map((f) => f.where).sort()).toEqual(["mysqlclient>=2", "psycopg2==2.8", "uwsgi"]);
  expect(hint("uwsgi")).toContain("everspot runs the app with gunicorn");
  expect(hint("psycopg2")).toMatch(/psycopg2-binary.*python3-psycopg2.*os = "debian-12"/);
  expect(hint("mysqlclient")).toContain("python3-mysqldb");
  expect(error.lines).toContain("pure has no wheel either, and will be built");
  expect(seen.filter((d) => d.startsWith("building"))).toEqual([]);
});

test("what is left out is not asked for, is stood in for where others require it, and is in no release", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0", { requires: ["uwsgi>=2", "beta"] });
  wheel(links, "beta", "1.0", { requires: ["gamma"] });
  wheel(links, "gamma", "1.0");
  sdist(links, "uwsgi", "2.0", "cp313-cp313-linux_x86_64");
  const index = await packageIndex(links);
  const requirements = { "requirements.txt": "alpha\nbeta\nuWSGI\n" };
  expect(findingsOf(await failure(pack(folder(requirements), index))).map((f) => f.hint)).toEqual([
    expect.stringContaining(
      'leave it out, for everspot runs the app with gunicorn: [release] without = ["uwsgi"]',
    ),
  ]);
  const packed = await pack(folder(requirements), index, { without: ["uWSGI", "Beta"] });
  expect(packed.packages).toEqual(["alpha 1.0", "gamma 1.0"]);
  const files = readdirSync(await unpacked(packed)).filter((name) => !/^(alpha|gamma)\b/.test(name));
  expect(files).toEqual([]);
  // A lock names all that is installed: one name less, and nothing is asked of the others.
  const wheelOf = (name: string) =>
    `${name}==1.0 --hash=${hash(path.join(links, `${name}-1.0-py3-none-any.whl`))}`;
  const sums = {
    "requirements.txt": `${["alpha", "beta", "gamma"].map(wheelOf).join("\n")}\nuwsgi==2.0 --hash=${hash(path.join(links, "uwsgi-2.0.zip"))}\n`,
  };
  expect((await pack(folder(sums), index, { without: ["uwsgi"] })).packages).toEqual([
    "alpha 1.0",
    "beta 1.0",
    "gamma 1.0",
  ]);
});

test("init takes the Debian that has all wheels, and leaves out what a site does not need", async () => {
  const links = folder();
  wheel(links, "fast", "1.0", { tag: "cp311-cp311-manylinux2014_x86_64" });
  sdist(links, "uwsgi", "2.0", "cp313-cp313-linux_x86_64");
  const root = folder({ ...STARTPROJECT, "requirements.txt": "fast==1.0\nuwsgi\n" });
  const prepared = await prepare(await layoutOf(root), {
    env: pipEnv(await packageIndex(links)),
    onProgress: () => {},
    signal: new AbortController().signal,
  });
  await prepared.packed?.dispose();
  expect(prepared.unpackable).toBeUndefined();
  expect(prepared.situation).toMatchObject({ os: "debian-12", without: ["uwsgi"], packages: ["fast 1.0"] });
});

test("what stands against the files does not hide what stands against the packages", async () => {
  const root = folder({ ".env": "SECRET=1", "requirements.txt": "uwsgi\n" });
  const links = folder();
  sdist(links, "uwsgi", "2.0");
  const error = await failure(pack(root, await packageIndex(links)));
  expect(findingsOf(error).map((f) => f.id)).toEqual(["packing.E001", "packing.E022"]);
});

test("builds that fail are all tried, then all said, with the version that has a wheel", async () => {
  const links = folder();
  for (const name of ["one", "two"]) sdist(links, name, "1.0", "cp313-cp313-linux_x86_64");
  wheel(links, "one", "1.2", { tag: "cp313-cp313-manylinux2014_x86_64" });
  wheel(links, "one", "1.3", { tag: "cp313-cp313-manylinux2014_x86_64" });
  const root = folder({ "requirements.txt": "one==1.0\ntwo\n" });
  const error = await failure(pack(root, await packageIndex(links)));
  expect(findingsOf(error).map((f) => f.where)).toEqual(["one==1.0", "two"]);
  expect(findingsOf(error)[0]?.hint).toBe("require one==1.2, which has one");
});

test("a branch is packed as it is now, however fresh the cache is", async () => {
  const repository = folder(source("moving", "1.0"));
  const git = (...args: string[]) =>
    execa("git", ["-C", repository, "-c", "user.name=a", "-c", "user.email=a@b", ...args]);
  await git("init", "-q", "-b", "main");
  const commit = async () => {
    await git("add", "-A");
    await git("commit", "-q", "-m", "x");
    await git("update-server-info");
  };
  await commit();
  const index = await packageIndex(folder());
  const root = folder({
    "requirements.txt": `moving @ git+${await fileServer(path.join(repository, ".git"))}moving.git@main\n`,
  });
  const [cacheDir, env] = [folder(), pipEnv(index)];
  const text = async () => {
    const packed = await pack(root, index, { cacheDir, env });
    return readFileSync(path.join(await unpacked(packed), "moving.py"), "utf8");
  };
  expect(await text()).toContain("VERSION");
  const [tree] = readdirSync(cacheDir);
  expect(await text()).toContain("VERSION");
  expect(readdirSync(cacheDir)).toEqual([tree]);
  write(repository, { "moving.py": "TODAY = 1\n" });
  await commit();
  expect(await text()).toBe("TODAY = 1\n");
});

/** A folder below any name, on loopback. @returns "http://127.0.0.1:1234/". */
async function fileServer(root: string): Promise<string> {
  const server = createServer((request, response) => {
    const [, ...names] = new URL(request.url ?? "", "http://x").pathname.slice(1).split("/");
    const file = path.join(root, ...names);
    const there = existsSync(file) && statSync(file).isFile();
    response.writeHead(there ? 200 : 404);
    response.end(there ? readFileSync(file) : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("an index that does not answer is told after the first package, and not asked for the others", async () => {
  const index = await packageIndex(folder());
  const registry = "http://127.0.0.1:9/simple";
  const root = folder({ "requirements.txt": `-i ${registry}\none==1\nsecond==2\n` });
  const seen: string[] = [];
  const onProgress = ({ detail = "" }) => seen.push(detail);
  const error = await failure(pack(root, index, { env: { ...pipEnv(index), PIP_RETRIES: "1" }, onProgress }));
  expect(error.message).toBe(
    `one==1 was not found: the package index cannot be reached; requirements.txt names ${registry}`,
  );
  expect([...seen, ...error.lines].join("\n")).not.toMatch(/second|^building /m);
});
