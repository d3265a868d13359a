/**
 * Bytecode of Debian's Python packages. The script of each runs py3compile, which starts Python three times: for five
 * packages, 0.6 s of processor time of which no bytecode is made. So while dpkg runs, another py3compile notes what it is
 * asked for, and one Python makes it all in the end. It is made here: another machine's is never to be trusted.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { run } from "../system/run.ts";

const SECONDS = 900;

/**
 * @param install runs dpkg with this PATH. What it installs has its bytecode afterwards, whether it throws or not.
 * @param modules folders like this one hold what py3compile makes bytecode of when it is asked for a package alone.
 */
export async function compiledOnce(
  install: (PATH: string) => Promise<void>,
  modules = /^\/usr\/lib\/python3[^/]*\/dist-packages\//,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "everspot-bytecode-"));
  const asked = join(folder, "asked");
  try {
    await writeFile(asked, "");
    // An empty line ends the arguments of each call.
    const note = `#!/bin/sh\nprintf '%s\\n' "$@" '' >>'${asked}'\n`;
    await writeFile(join(folder, "py3compile"), note, { mode: 0o755 });
    await install(`${folder}:${process.env.PATH}`);
  } finally {
    await compile(callsIn(await readFile(asked, "utf8")), modules);
    await rm(folder, { recursive: true, force: true });
  }
}

type Call = readonly string[];

const callsIn = (text: string): Call[] =>
  text.split("\n\n").flatMap((call) => (call === "" ? [] : [call.split("\n")]));

/** Without it, Python works too, and only starts later: nothing that goes wrong here keeps a site from its packages. */
async function compile(calls: readonly Call[], modules: RegExp): Promise<void> {
  const plain = calls.filter(isPlain);
  const done = await compileTogether(
    plain.map(([, name]) => name),
    modules,
  );
  for (const call of done ? calls.filter((one) => !isPlain(one)) : calls)
    await run("py3compile", call, { seconds: SECONDS }).catch(() => undefined);
}

/** All public modules of a package, and nothing besides. */
const isPlain = (call: Call): call is readonly ["-p", string] => call.length === 2 && call[0] === "-p";

/** @returns whether it could. */
async function compileTogether(packages: readonly string[], modules: RegExp): Promise<boolean> {
  if (packages.length === 0) return true;
  const { stdout } = await execa("dpkg-query", ["--listfiles", ...packages], { reject: false });
  const input = stdout
    .split("\n")
    .filter((file) => file.endsWith(".py") && modules.test(file))
    .join("\n");
  return run("python3", ["-I", "-W", "ignore", "-c", COMPILE], { input, seconds: SECONDS }).then(
    () => true,
    () => false,
  );
}

/** As py3compile: what does not compile, such as a template, is left as it is. */
const COMPILE = `
import py_compile, sys
for file in sys.stdin.read().splitlines():
    py_compile.compile(file, quiet=2)
`;
