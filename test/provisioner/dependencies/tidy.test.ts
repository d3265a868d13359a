import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { tidyTree } from "../../../provisioner/dependencies/tidy.ts";
import { folder, type Tree } from "../release/folders.ts";

const info = (name: string, tag: string, more: Tree = {}): Tree => ({
  [`${name}-1.0.dist-info/WHEEL`]: `Wheel-Version: 1.0\nTag: ${tag}\n`,
  [`${name}-1.0.dist-info/RECORD`]: `${name}.py,sha256=x,1\n../../bin/${name}-run,sha256=machine,99\n${name}-1.0.dist-info/direct_url.json,sha256=x,1\n__pycache__/${name}.cpython-311.pyc,,\n`,
  ...more,
});

test("nothing of the packing machine is left", async () => {
  const long = `/very/long path/${"x".repeat(200)}/python3`;
  const root = folder({
    ...info("alpha", "py3-none-any", {
      "alpha-1.0.dist-info/direct_url.json": '{"url": "file:///home/ann/alpha.whl"}',
      "alpha.py": "",
      "__pycache__/alpha.cpython-311.pyc": "",
      "sub/deep/__pycache__/x.pyc": "",
      "sub/legacy.pyo": "",
    }),
    "bin/alpha-run": { script: "#!/home/ann/venv/bin/python3.11\nimport alpha\n" },
    "bin/long": { script: `#!/bin/sh\n'''exec' "${long}" "$0" "$@"\n' '''\nimport alpha\n` },
    "bin/shell": { script: "#!/bin/sh\necho python\n" },
    "bin/program": Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff]),
  });
  expect(await tidyTree(root)).toEqual({ compiled: false, packages: ["alpha 1.0"] });
  const read = (name: string) => readFileSync(path.join(root, name), "latin1");
  expect(read("bin/alpha-run")).toBe("#!/usr/bin/env python3\nimport alpha\n");
  expect(read("bin/long")).toBe("#!/usr/bin/env python3\nimport alpha\n");
  expect(read("bin/shell")).toBe("#!/bin/sh\necho python\n");
  expect(read("bin/program")).toBe("\x7fELF\xff");
  expect(statSync(path.join(root, "bin/alpha-run")).mode & 0o111).not.toBe(0);
  expect(read("alpha-1.0.dist-info/RECORD")).toBe("alpha.py,sha256=x,1\nbin/alpha-run,,\n");
  expect(
    readdirSync(root, { recursive: true }).filter((n) => /pyc|pyo|direct_url|__pycache__/.test(String(n))),
  ).toEqual([]);
});

test("translations stay as what programs read; their sources go, unless they are all there is", async () => {
  const translated = "alpha/locale/de/LC_MESSAGES";
  const root = folder({
    ...info("alpha", "py3-none-any"),
    "alpha-1.0.dist-info/RECORD": `${translated}/x.po,sha256=a,1\n${translated}/x.mo,sha256=b,1\n${translated}/y.po,sha256=c,1\n`,
    [`${translated}/x.po`]: "source",
    [`${translated}/x.mo`]: "compiled",
    [`${translated}/y.po`]: "source",
  });
  await tidyTree(root);
  expect(readdirSync(path.join(root, translated)).sort()).toEqual(["x.mo", "y.po"]);
  expect(readFileSync(path.join(root, "alpha-1.0.dist-info/RECORD"), "utf8")).toBe(
    `${translated}/x.mo,sha256=b,1\n${translated}/y.po,sha256=c,1\n`,
  );
});

test.each([
  ["py3-none-any", false],
  ["py2.py3-none-any", false],
  ["cp313-none-any", false],
  ["cp313-cp313-manylinux_2_17_x86_64", true],
  ["py3-none-manylinux2014_aarch64", true],
])("%s is compiled: %s", async (tag, compiled) => {
  expect((await tidyTree(folder(info("alpha", tag)))).compiled).toBe(compiled);
});

test("a link is refused", async () => {
  const root = folder({ "alpha/data": { link: "/etc/passwd" } });
  await expect(tidyTree(root)).rejects.toThrow("symbolic link to /etc/passwd");
});
