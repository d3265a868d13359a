/** Dependencies with Debian's real pip, offline, out of packages made here. */
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { unpackRelease } from "../../agent/release/unzip.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { type Packed, type PackOptions, packRelease } from "../../provisioner/release/pack.ts";
import type { Progress } from "../../provisioner/release/progress.ts";
import { folder, type Tree, write } from "../provisioner/release/folders.ts";
import { moduleOf, sdist, source, wheel } from "../provisioner/release/wheelhouse.ts";
import { DEBIAN_PATH } from "./debian.ts";

function pipEnv(wheelhouse: string): NodeJS.ProcessEnv {
  return {
    PATH: DEBIAN_PATH,
    HOME: wheelhouse,
    PIP_CONFIG_FILE: "/dev/null",
    PIP_NO_INDEX: "1",
    PIP_FIND_LINKS: wheelhouse,
  };
}

const pack = (tree: Tree, wheelhouse: string, more: Partial<PackOptions> = {}) =>
  packRelease({
    folder: folder(tree),
    python: "3.13",
    arch: "x86_64",
    allow: [],
    stagingDir: folder(),
    cacheDir: path.join(wheelhouse, "cache"),
    env: pipEnv(wheelhouse),
    ...more,
  });

async function unpacked(packed: Packed): Promise<string> {
  const into = path.join(folder(), "release");
  await unpackRelease(packed.file, into);
  return path.join(into, ".everspot/python");
}

async function failure(packing: Promise<unknown>): Promise<EverspotError> {
  const error = await packing.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(EverspotError);
  return error as EverspotError;
}

/** The Python pip runs in here, e.g. "3.11"; and one it is not. */
const { stdout: here } = await execa("/usr/bin/python3", [
  "-c",
  "import sys; print('%d.%d' % sys.version_info[:2])",
]);
const other = here === "3.13" ? "3.11" : "3.13";
const tagOf = (python: string) => `cp${python.replace(".", "")}`;

test("installs for the instance's Python, not for this machine's", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0", {
    requires: [
      `on-instance; python_version == "${other}" and platform_machine == "aarch64"`,
      `on-this-machine; python_version == "${here}"`,
      'on-windows; sys_platform == "win32"',
    ],
    scripts: ["alpha-run = alpha:main"],
  });
  wheel(links, "on-instance", "1.0");
  wheel(links, "quick", "2.0", { tag: `${tagOf(other)}-${tagOf(other)}-manylinux_2_28_aarch64` });
  wheel(links, "quick", "2.1", { tag: `${tagOf(here)}-${tagOf(here)}-manylinux_2_28_x86_64` });
  wheel(links, "stable", "3.0", { tag: "cp38-abi3-manylinux2014_aarch64" });

  const project = {
    "requirements.txt": "alpha\nquick>=2  # fast\n-r more.txt\n",
    "more.txt": "stable==3.0\n",
  };
  const seen: Progress[] = [];
  const options = { python: other, arch: "arm64" as const, onProgress: (p: Progress) => seen.push(p) };
  const packed = await pack(project, links, options);
  expect(packed).toMatchObject({ python: other, arch: "arm64" });
  expect(packed.packages).toEqual(["alpha 1.0", "on_instance 1.0", "quick 2.0", "stable 3.0"]);
  expect(seen).toContainEqual({ phase: "dependencies", done: 4, total: 4, unit: "packages" });

  const tree = await unpacked(packed);
  expect(readFileSync(path.join(tree, "bin/alpha-run"), "utf8")).toMatch(/^#!\/usr\/bin\/env python3\n/);
  const { stdout } = await execa("grep", ["-rlE", `${links}|direct_url|/python3?[.0-9]*/?bin`, tree], {
    reject: false,
  });
  expect(stdout).toBe("");

  const again = await pack(project, links, { ...options, env: { ...pipEnv(links), HOME: links } });
  expect(again.sha256).toBe(packed.sha256);
});

test("a tree made before is used again, until a wheel is another", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0");
  const project = { "app.py": "", "requirements.txt": "alpha\n" };
  const collected = async () => {
    const details: (string | undefined)[] = [];
    const packed = await pack(project, links, { onProgress: (p) => details.push(p.detail) });
    return { pip: details.some((d) => d?.startsWith("alpha")), packed };
  };
  expect(await collected()).toMatchObject({ pip: true });
  expect(await collected()).toMatchObject({ pip: false, packed: { packages: ["alpha 1.0"] } });
  wheel(links, "alpha", "1.1");
  expect(await collected()).toMatchObject({ pip: true, packed: { packages: ["alpha 1.1"] } });
  expect(readdirSync(path.join(links, "cache")).filter((n) => n.startsWith("."))).toEqual([]);
});

test("sources without a wheel are built, when what comes out runs anywhere", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0", { requires: ["pure>=1"] });
  sdist(links, "pure", "1.4");
  const packed = await pack({ "requirements.txt": "alpha\n" }, links);
  expect(packed.packages).toEqual(["alpha 1.0", "pure 1.4"]);
  expect(packed).not.toHaveProperty("arch");
  expect(readFileSync(path.join(await unpacked(packed), "pure.py"), "utf8")).toContain("1.4");
});

test("a source that needs compiling is refused by name", async () => {
  const links = folder();
  sdist(links, "needsc", "1.0", `${tagOf(here)}-${tagOf(here)}-linux_x86_64`);
  const error = await failure(pack({ "requirements.txt": "needsc\n" }, links));
  expect(error.message).toMatch(
    /^needsc has no wheel for Python 3\.13 on x86_64 Linux, and building its source gives needsc-1\.0-/,
  );
  expect(error.resource).toBe("needsc");
  expect(readdirSync(path.join(links, "cache"))).toEqual([]);
});

test("a package that has only wheels for others is refused by name", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0", { requires: ["elsewhere<9"] });
  wheel(links, "elsewhere", "1.0", { tag: "cp313-cp313-win_amd64" });
  wheel(links, "elsewhere", "1.1", { tag: "cp313-cp313-manylinux_2_17_aarch64" });
  const error = await failure(pack({ "requirements.txt": "alpha\n" }, links));
  expect(error.message).toBe(
    "elsewhere<9 has no wheel for Python 3.13 on x86_64 Linux, and no source that could be built here was found (packing.E022)",
  );
  expect(error.lines.join("\n")).toContain("No matching distribution found for elsewhere<9");
});

test("requirements that contradict each other", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0", { requires: ["beta<2"] });
  wheel(links, "beta", "1.0");
  wheel(links, "beta", "2.0");
  const error = await failure(pack({ "requirements.txt": "alpha\nbeta==2.0\n" }, links));
  expect(error.message).toBe("the dependencies of requirements.txt contradict each other");
});

test("an index that cannot be reached", async () => {
  const links = folder();
  const env = {
    ...pipEnv(links),
    PIP_NO_INDEX: "0",
    PIP_INDEX_URL: "http://127.0.0.1:9/simple",
    PIP_RETRIES: "1",
  };
  const error = await failure(pack({ "requirements.txt": "alpha\n" }, links, { env }));
  expect(error.message).toBe("alpha was not found: the package index cannot be reached");
  expect(error.retry).toBe("retry");
});

test("uv.lock: pinned by hash, for the instance, built from source where needed", async () => {
  const links = folder();
  const hash = (file: string) => `sha256:${createHash("sha256").update(readFileSync(file)).digest("hex")}`;
  const alpha = hash(wheel(links, "alpha", "1.0", { requires: ["not-in-the-lock"] }));
  const pure = hash(sdist(links, "pure", "1.4"));
  const lock = `
version = 1
[[package]]
name = "site"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
  { name = "alpha" },
  { name = "pure", marker = "python_full_version >= '3.13'" },
  { name = "old", marker = "python_full_version < '3.13'" },
]
[[package]]
name = "alpha"
version = "1.0"
source = { registry = "https://index.example/simple" }
wheels = [{ url = "https://files.example/a.whl", hash = "${alpha}" }]
[[package]]
name = "pure"
version = "1.4"
source = { registry = "https://index.example/simple" }
sdist = { url = "https://files.example/p.zip", hash = "${pure}" }
[[package]]
name = "old"
version = "1.0"
source = { registry = "https://index.example/simple" }
`;
  const project = {
    "pyproject.toml": '[project]\nname = "site"\ndependencies = ["alpha", "pure"]\n',
    "uv.lock": lock,
  };
  expect((await pack(project, links)).packages).toEqual(["alpha 1.0", "pure 1.4"]);

  wheel(links, "alpha", "1.0", { files: { "alpha.py": "another content\n" } });
  const error = await failure(pack(project, links));
  expect(error.message).toBe("the dependencies of uv.lock do not match the hashes they are pinned to");
});

test("folders and editable ones are built, the project itself is not", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0");
  const project = folder({
    "requirements.txt": "-e .\n./libs/one\n-e ./libs/two\n",
    "pyproject.toml": '[project]\nname = "site"\ndependencies = ["alpha"]\n',
  });
  write(path.join(project, "libs/one"), source("one", "0.1"));
  write(path.join(project, "libs/two"), source("two", "0.2"));
  const packed = await pack({}, links, { folder: project });
  expect(packed.packages).toEqual(["alpha 1.0", "one 0.1", "two 0.2"]);
  expect(readdirSync(path.join(project, "libs/one")).sort()).toEqual(
    Object.keys(source("one", "0.1")).sort(),
  );
  write(path.join(project, "libs/one"), { "one.py": "CHANGED = 1\n" });
  const again = await pack({}, links, { folder: project });
  expect(readFileSync(path.join(await unpacked(again), "one.py"), "utf8")).toBe("CHANGED = 1\n");
  expect(readdirSync(path.join(links, "cache"))).toEqual([]);
});

test("with the instance's Python here, the bytecode of dependencies is made once and kept", async () => {
  const links = folder();
  wheel(links, "alpha", "1.0", { files: { "alpha/__init__.py": "NAME = __file__\n" } });
  wheel(links, "broken", "1.0", { files: { "broken.py": "def {{ template }}:\n" } });
  const project = { "site/wsgi.py": "import alpha\n", "requirements.txt": "alpha\nbroken\n" };
  const packed = await pack(project, links, { python: here });
  expect(packed.bytecode).toBe(true);
  const tree = await unpacked(packed);
  const release = path.resolve(tree, "../..");
  const cache = `.cpython-${here.replace(".", "")}.pyc`;
  expect(readdirSync(path.join(tree, "alpha/__pycache__"))).toEqual([`__init__${cache}`]);
  expect(readdirSync(path.join(release, "site/__pycache__"))).toEqual([`wsgi${cache}`]);
  expect((await pack(project, links, { python: here, cacheDir: folder() })).sha256).toBe(packed.sha256);

  const env = { PATH: DEBIAN_PATH, PYTHONPATH: `${tree}:${release}`, PYTHONDONTWRITEBYTECODE: "1" };
  const { stderr } = await execa("/usr/bin/python3", ["-v", "-c", "import alpha"], { env, extendEnv: false });
  expect(stderr).toMatch(/alpha\/__pycache__\/__init__\.cpython-\d+\.pyc matches .*alpha\/__init__\.py/);
});

test("a requirements file without requirements bundles nothing", async () => {
  const packed = await pack({ "requirements.txt": "# later\n" }, folder());
  expect(packed).not.toHaveProperty("python");
  expect(packed.packages).toEqual([]);
});

test("40 dependencies of 60 MB are packed in less than a minute, and again in a moment", async () => {
  const links = folder();
  const names = Array.from({ length: 40 }, (_, i) => `dependency-${i}`);
  for (const [i, name] of names.entries()) {
    const own = name.replace("-", "_");
    const files: Record<string, string | Buffer> = {};
    for (let m = 0; m < 24; m++) files[`${own}/module_${m}.py`] = moduleOf(20_000, i * 40 + m);
    if (i % 2 === 0)
      files[`${own}/_core.so`] = Buffer.concat([randomBytes(500_000), Buffer.alloc(900_000, "code")]);
    const requires = names[i + 1] === undefined || i % 4 === 3 ? [] : [names[i + 1] ?? ""];
    wheel(links, name, "1.0", {
      files,
      requires,
      ...(i % 2 === 0 ? { tag: `${tagOf(here)}-${tagOf(here)}-manylinux2014_x86_64` } : {}),
    });
  }
  const project = {
    "manage.py": "",
    "requirements.txt": `${names.filter((_, i) => i % 4 === 0).join("\n")}\n`,
  };
  const phases = new Set<string>();
  const started = performance.now();
  const packed = await pack(project, links, { python: here, onProgress: ({ phase }) => phases.add(phase) });
  const first = (performance.now() - started) / 1000;
  const again = performance.now();
  expect((await pack(project, links, { python: here })).sha256).toBe(packed.sha256);
  const second = (performance.now() - again) / 1000;
  console.log(
    `${(packed.unpackedSize / 1e6).toFixed(0)} MB, ${packed.files} files: ${first.toFixed(1)} s, then ${second.toFixed(1)} s`,
  );
  expect(packed.packages).toHaveLength(40);
  expect(packed.unpackedSize).toBeGreaterThan(60e6);
  expect([...phases]).toEqual(["files", "dependencies", "bytecode", "zip"]);
  expect(first).toBeLessThan(60);
  expect(second).toBeLessThan(20);
});
