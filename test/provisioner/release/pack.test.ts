import { createHash, randomBytes } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { unpackRelease } from "../../../agent/release/unzip.ts";
import { EverspotError } from "../../../agent/site/errors.ts";
import { type PackOptions, packRelease } from "../../../provisioner/release/pack.ts";
import type { Progress } from "../../../provisioner/release/progress.ts";
import { bundle } from "../../bundle.ts";
import { folder, type Tree, write } from "./folders.ts";

/** No Python on the path: these are about files. */
function bare(): NodeJS.ProcessEnv {
  const bin = folder();
  mkdirSync(path.join(bin, "empty"));
  return { PATH: path.join(bin, "empty"), HOME: bin };
}

const pack = (root: string, more: Partial<PackOptions> = {}) =>
  packRelease({
    folder: root,
    python: "3.13",
    arch: "arm64",
    allow: [],
    stagingDir: folder(),
    env: bare(),
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

const app: Tree = {
  "manage.py": { script: "#!/usr/bin/env python3\n" },
  "site/wsgi.py": "application = None\n",
  "site/größe.txt": "x".repeat(5000),
  "static/photo": randomBytes(3_000_000),
  ".gitignore": "*.log\n",
  "debug.log": "no",
};

test("only what gets smaller by it is compressed", async () => {
  const picture = randomBytes(200_000);
  const root = folder({
    "small.txt": "x".repeat(2000),
    "page.html": "x".repeat(200_000),
    "photo.jpg": picture,
  });
  const { file } = await pack(root);
  const { stdout } = await execa("python3", ["-I", "-S", "-c", LIST, file]);
  expect(stdout.split("\n").sort()).toEqual(["page.html 8", "photo.jpg 0", "small.txt 0"]);
});

const LIST =
  "import sys, zipfile\nfor e in zipfile.ZipFile(sys.argv[1]).infolist(): print(e.filename, e.compress_type)";

test("what is packed comes out of the unpacker", async () => {
  const root = folder(app);
  const packed = await pack(root);
  expect(packed).toMatchObject({ files: 5, bytecode: false, packages: [], findings: [] });
  expect(packed).not.toHaveProperty("python");
  expect(packed).not.toHaveProperty("arch");
  const zip = readFileSync(packed.file);
  expect(packed.size).toBe(zip.length);
  expect(packed.sha256).toBe(createHash("sha256").update(zip).digest("hex"));

  const into = path.join(folder(), "release");
  const unpacked = await unpackRelease(packed.file, into);
  expect(unpacked).toEqual({ files: packed.files, bytes: packed.unpackedSize });
  expect(readdirSync(into, { recursive: true }).sort()).toEqual(
    [".gitignore", "manage.py", "site", "site/größe.txt", "site/wsgi.py", "static", "static/photo"].sort(),
  );
  expect(
    readFileSync(path.join(into, "static/photo")).equals(readFileSync(path.join(root, "static/photo"))),
  ).toBe(true);
  expect(statSync(path.join(into, "manage.py")).mode & 0o777).toBe(0o755);
  expect(statSync(path.join(into, "site/wsgi.py")).mode & 0o777).toBe(0o644);
});

test("the same files give the same bytes, whatever their times, owners' bits, place and order on disk", async () => {
  const first = await pack(folder(app));
  const reversed = folder(Object.fromEntries(Object.entries(app).reverse()));
  utimesSync(path.join(reversed, "manage.py"), 1e9, 1e9);
  await execa("chmod", ["-R", "go+w", reversed]);
  const second = await pack(reversed);
  expect(second.sha256).toBe(first.sha256);
});

test("the zip does not depend on the time zone", async () => {
  const root = folder({ "a.py": "x", "big.bin": Buffer.alloc(2_000_000, "ab") });
  const zip = await bundle(path.resolve("provisioner/release/zip.ts"), root);
  const script = `
    const { writeZip } = await import(${JSON.stringify(zip)});
    const entry = (name, size) => ({ path: name, source: process.argv[1] + "/" + name, size, executable: false });
    const { sha256 } = await writeZip([entry("a.py", 1), entry("big.bin", 2000000)], process.argv[1] + "/" + process.env.TZ.replace("/", "-"));
    console.log(sha256);`;
  const sums = await Promise.all(
    ["Asia/Tokyo", "America/Los_Angeles"].map(async (TZ) => {
      const { stdout } = await execa("node", ["--input-type=module", "-e", script, root], { env: { TZ } });
      return stdout;
    }),
  );
  expect(sums[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(sums[1]).toBe(sums[0]);
});

test("content, name and x bit each show in the bytes", async () => {
  const { sha256 } = await pack(folder({ "a.py": "x" }));
  expect((await pack(folder({ "a.py": "y" }))).sha256).not.toBe(sha256);
  expect((await pack(folder({ "b.py": "x" }))).sha256).not.toBe(sha256);
  expect((await pack(folder({ "a.py": { script: "x" } }))).sha256).not.toBe(sha256);
});

test("secrets and unusable files are refused all at once, and allowed by name", async () => {
  const staging = folder();
  const root = folder({
    "app.py": "",
    ".env": "SECRET=1",
    "web/.env.production": "SECRET=1",
    "db.sqlite3": "SQLite format 3\0data",
    "fixtures/demo.sqlite3": "SQLite format 3\0data",
    out: { link: "/etc/hostname" },
  });
  const error = await failure(pack(root, { stagingDir: staging, allow: ["fixtures/demo.sqlite3"] }));
  expect(error.message).toBe("the project cannot be packed: 4 problems");
  const secret = (kind: string) =>
    `looks like a secret (${kind}) and would be in every release (packing.E001)`;
  expect(error.lines).toEqual([
    `.env: ${secret("environment file")}`,
    `db.sqlite3: ${secret("SQLite database with data")}`,
    `web/.env.production: ${secret("environment file")}`,
    expect.stringMatching(/^ {2}→ .*everspot secret set NAME.*\[release\] allow/),
    "out is a symbolic link to /etc/hostname, which is outside the project (packing.E002)",
    expect.stringMatching(/^ {2}→ move or rename/),
  ]);
  expect(readdirSync(staging)).toEqual([]);

  rmSync(path.join(root, "out"));
  const packed = await pack(root, { allow: [".env*", "*.sqlite3"] });
  expect(packed.files).toBe(5);
});

test("secrets git ignores are left out in silence", async () => {
  const packed = await pack(folder({ "app.py": "", ".env": "SECRET=1", ".gitignore": ".env\n" }));
  expect(packed.files).toBe(2);
});

test("pointers of Git LFS are refused, each by name", async () => {
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
  const root = folder({ "app.py": "", "static/a.jpg": pointer, "static/b.jpg": pointer, "c.jpg": "x" });
  const error = await failure(pack(root));
  expect(error.lines).toEqual([
    "static/a.jpg: is a pointer of Git LFS, and not the file itself (packing.E003)",
    "static/b.jpg: is a pointer of Git LFS, and not the file itself (packing.E003)",
    expect.stringContaining("git lfs pull"),
  ]);
});

test("what stands against the files and against the dependencies is said together", async () => {
  const root = folder({ ".env": "SECRET=1", "poetry.lock": "", "requirements.in": "" });
  const error = await failure(pack(root));
  expect(error.message).toBe("the project cannot be packed: 2 problems");
  expect(error.lines.join("\n")).toMatch(/environment file[\s\S]*pyproject.toml is not \(packing.E039\)/);
});

test("a log of everspot's own in the project is no part of it", async () => {
  const root = folder({ "app.py": "" });
  const log = path.join(root, "up.log");
  const packing = await bundle(path.resolve("provisioner/release/pack.ts"), folder());
  const script = `
    const { packRelease } = await import(${JSON.stringify(packing)});
    const report = () => console.error("still packing");
    const packed = await packRelease({ folder: ${JSON.stringify(root)}, python: "3.13", arch: "arm64", allow: [], stagingDir: ${JSON.stringify(folder())}, onProgress: report });
    console.log(packed.files);`;
  const command = [process.execPath, "--input-type=module", "-e", script];
  await execa("/bin/sh", ["-c", `exec "$@" >'${log}' 2>&1`, "sh", ...command], {
    env: bare(),
    extendEnv: false,
  });
  expect(readFileSync(log, "utf8")).toMatch(/still packing[\s\S]*\n1\n$/);
});

test("a packaged project knows its own version", async () => {
  const project = '[project]\nname = "My.Site"\nversion = "1.2"\n';
  const root = folder({
    "my_site/wsgi.py": "",
    "pyproject.toml": `${project}[build-system]\nrequires = []\n`,
  });
  const into = path.join(folder(), "release");
  await unpackRelease((await pack(root)).file, into);
  const ask = "from importlib.metadata import version; print(version('my-site'))";
  const env = { PATH: process.env.PATH, PYTHONPATH: path.join(into, ".everspot/python") };
  const { stdout } = await execa("python3", ["-c", ask], { env, extendEnv: false });
  expect(stdout).toBe("1.2");
  expect((await pack(folder({ "pyproject.toml": project }))).files).toBe(1);
});

test("old names of time zones are told on debian-13, which lacks them", async () => {
  const root = folder({ "mysite/settings.py": 'TIME_ZONE = env("TZ", "US/Eastern")\n' });
  const zones = async (more: Partial<PackOptions>) => (await pack(root, more)).findings.map((f) => f.hint);
  expect(await zones({})).toEqual([
    'write TIME_ZONE = "America/New_York", or set [image] packages = ["tzdata-legacy"]',
  ]);
  expect(await zones({ python: "3.11" })).toEqual([]);
  const given = { static: { folders: [], collected: false }, debianPackages: ["tzdata-legacy"] };
  expect(await zones({ site: given })).toEqual([]);
});

test("a release without Django, which its manage.py needs, is refused", async () => {
  const site = { static: { folders: [], collected: false }, debianPackages: [] };
  const files: Tree = { "manage.py": "import django\n", "requirements.txt": "# Django==5\n" };
  expect(await failure(pack(folder(files), { site }))).toMatchObject({
    message: "Django is not among the packages, and manage.py does not start without it (packing.E040)",
    hint: expect.stringContaining("add Django to requirements.txt"),
  });
  const debians = { ...site, debianPackages: ["python3-django"] };
  expect((await pack(folder(files), { site: debians })).files).toBe(2);
  for (const others of [{ "manage.py": "import flask\n" }, { "django/__init__.py": "" }]) {
    expect((await pack(folder({ ...files, ...others }), { site })).packages).toEqual([]);
  }
});

test("an empty project is a mistake", async () => {
  const error = await failure(pack(folder({ ".git/config": "x" })));
  expect(error.message).toBe("the project has no files to release");
});

test("a project too large is refused, with its largest files", async () => {
  const root = folder({ "app.py": "" });
  await execa("truncate", ["-s", "1600M", path.join(root, "video.bin")]);
  const error = await failure(pack(root));
  expect(error.message).toBe("the release is too large: more than 1500 MB unpacked");
  expect(error.lines[0]).toBe("1677.7 MB video.bin");
});

test("what an instance would take for a zip bomb is refused here", async () => {
  const root = folder({ "app.py": "" });
  await execa("truncate", ["-s", "65M", path.join(root, "zeros.bin")]);
  const staging = folder();
  const error = await failure(pack(root, { stagingDir: staging }));
  expect(error.message).toContain("looks like a zip bomb");
  expect(readdirSync(staging)).toEqual([]);
});

test.each<[string, (root: string) => void]>([
  ["grows", (root) => appendFileSync(path.join(root, "a.bin"), "more")],
  ["is written again with the same size", (root) => write(root, { "z.py": "y" })],
  ["goes", (root) => rmSync(path.join(root, "z.py"))],
  ["appears", (root) => write(root, { "new.py": "y" })],
])("a file that %s meanwhile is noticed", async (_what, change) => {
  const root = folder({ "a.bin": randomBytes(3_000_000), "z.py": "x" });
  const staging = folder();
  let changed = false;
  const error = await failure(
    pack(root, {
      stagingDir: staging,
      onProgress: ({ phase }: Progress) => {
        if (phase !== "zip" || changed) return;
        changed = true;
        change(root);
      },
    }),
  );
  expect(error.message).toMatch(/changed while/);
  // What `everspot up | tee up.log` in the project's folder meets.
  expect(error.hint).toContain("stop what writes to the project, or name its files in .everspotignore");
  expect(error.retry).toBe("retry");
  expect(readdirSync(staging)).toEqual([]);
});

test("stops when asked to, and leaves nothing", async () => {
  const stop = new AbortController();
  const staging = folder();
  const root = folder({ "a.bin": randomBytes(20_000_000), "z.py": "x" });
  const packing = pack(root, {
    stagingDir: staging,
    signal: stop.signal,
    onProgress: ({ phase }) => phase === "zip" && stop.abort(new Error("enough")),
  });
  await expect(packing).rejects.toThrow();
  expect(stop.signal.aborted).toBe(true);
  expect(readdirSync(staging)).toEqual([]);
});

test("git's commit, and whether the folder is what was committed", async () => {
  const root = folder({ "app.py": "x", "kept.log": "x" });
  const env: NodeJS.ProcessEnv = { ...bare(), GIT_CONFIG_GLOBAL: "/dev/null" };
  const { stdout: program } = await execa("/bin/sh", ["-c", "command -v git"]);
  symlinkSync(program, path.join(env.PATH ?? "", "git"));
  const git = (...args: string[]) =>
    execa("git", ["-C", root, "-c", "user.name=a", "-c", "user.email=a@b", ...args], { env });
  await git("init", "-q");
  expect(await pack(root, { env })).not.toHaveProperty("git");
  await git("add", "-A");
  await git("commit", "-q", "-m", "x");
  const { stdout } = await git("rev-parse", "HEAD");
  expect((await pack(root, { env })).git).toEqual({ commit: stdout, dirty: false });
  write(root, { ".gitignore": "*.log\n" });
  const packed = await pack(root, { env });
  expect(packed.git?.dirty).toBe(true);
  // What git has is part of the project, whatever .gitignore says.
  expect(packed).toMatchObject({ files: 3, findings: [] });
});

test("without a folder given, the zip is in one of its own", async () => {
  const packed = await packRelease({
    folder: folder({ "a.py": "" }),
    python: "3.13",
    arch: "arm64",
    allow: [],
    env: bare(),
  });
  expect(existsSync(packed.file)).toBe(true);
  rmSync(path.dirname(packed.file), { recursive: true });
});
