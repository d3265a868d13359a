/** A real project's dependencies, out of whatever index this machine's pip asks: PyPI, or a mirror of it. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { unpackRelease } from "../../agent/release/unzip.ts";
import { Refused } from "../../provisioner/findings/finding.ts";
import { packRelease } from "../../provisioner/release/pack.ts";
import { folder, type Tree } from "../provisioner/release/folders.ts";

const PATIENCE_MS = 60_000;

async function reachable(): Promise<boolean> {
  const into = folder();
  const args = ["-m", "pip", "download", "--quiet", "--no-deps", "--retries", "0", "--dest", into, "idna"];
  return !(await execa("python3", args, { reject: false, timeout: PATIENCE_MS })).failed;
}

const pack = (tree: Tree) =>
  packRelease({
    folder: folder(tree),
    python: "3.13",
    arch: "arm64",
    allow: [],
    stagingDir: folder(),
    cacheDir: folder(),
  });

test("a real project is packed from PyPI for another Python and another machine, or refused with all ways out", async (context) => {
  if (!(await reachable())) {
    console.log("PyPI cannot be reached from here: nothing was packed from it");
    context.skip();
  }
  const packed = await pack({
    "manage.py": "",
    "requirements.txt": "django>=6,<6.1\ngunicorn\npsycopg2-binary\npillow\ndocopt==0.6.2\n",
  });
  const names = packed.packages.map((p) => p.split(" ")[0]?.toLowerCase());
  expect(names).toEqual(
    expect.arrayContaining(["django", "asgiref", "sqlparse", "gunicorn", "docopt", "pillow"]),
  );
  expect(names).not.toContain("typing_extensions");
  expect(packed).toMatchObject({ python: "3.13", arch: "arm64" });
  const into = path.join(folder(), "release");
  await unpackRelease(packed.file, into);
  const wheel = path.join(
    into,
    ".everspot/python",
    `pillow-${versionOf(packed.packages, "pillow")}.dist-info/WHEEL`,
  );
  expect(existsSync(wheel) && readFileSync(wheel, "utf8")).toMatch(/Tag: cp313-cp313-manylinux\S+aarch64/);

  const error = await pack({ "requirements.txt": "uwsgi\npsycopg2-binary==2.9.9\n" }).catch(
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(Refused);
  const hints = (error as Refused).findings.map((f) => f.hint);
  expect(hints).toEqual([
    expect.stringContaining("everspot runs the app with gunicorn"),
    expect.stringMatching(/require psycopg2-binary==2\.9\.\d+, which has one.*os = "debian-12"/),
  ]);
});

const versionOf = (packages: readonly string[], name: string): string | undefined =>
  packages.find((p) => p.startsWith(`${name} `))?.split(" ")[1];
