/** How bootstrap.sh brings the agent and what it is told, by its own lines, with real curl, openssl and tar. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const script = readFileSync(path.resolve(import.meta.dirname, "../../user-data/bootstrap.sh"), "utf8");
const functionOf = (name: string): string =>
  new RegExp(`^${name}\\(\\) \\{(?: .*\\}|\\n[\\s\\S]*?\\n\\})$`, "m").exec(script)?.[0] ??
  expect.fail(`bootstrap.sh has no function ${name}`);

let folder: string;
let server: http.Server;
/** What the bucket has. */
let body: Buffer;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-bootstrap-"));
  server = http.createServer((_, response) => response.end(body)).listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

/** A tar with one file. */
async function archive(text: string): Promise<Buffer> {
  await mkdir(path.join(folder, "units"), { recursive: true });
  await writeFile(path.join(folder, "units/everspot.service"), text);
  const { stdout } = await execa("tar", ["-cC", folder, "units"], { encoding: "buffer" });
  return Buffer.from(stdout);
}

/** @param agent pinned SHA-256. */
async function fetchAgent(agent: string) {
  const home = path.join(folder, "agent");
  const { port } = server.address() as AddressInfo;
  const around = [
    "set -euo pipefail",
    `agent=${agent} home=${home} region=us-east-1 s3=http://127.0.0.1:${port}/bucket empty=`,
    "mark() { :; }",
    `credentials() { echo 'user = "AKIATEST:test"'; }`,
    ...["get", "fetch"].map(functionOf),
    "fetch",
  ];
  const { exitCode, stderr } = await execa("bash", ["-c", around.join("\n")], { reject: false });
  return { exitCode, stderr, home };
}

const sha256 = (data: Buffer): string => createHash("sha256").update(data).digest("hex");

describe.runIf(process.platform === "linux")("the agent's archive", () => {
  test("is unpacked when it is the pinned one", async () => {
    body = await archive("ours");
    const { exitCode, home } = await fetchAgent(sha256(body));
    expect(exitCode).toBe(0);
    expect(await readFile(path.join(home, "units/everspot.service"), "utf8")).toBe("ours");
  });

  test("with other content is refused, and nothing of it is where the agent is started from", async () => {
    const pinned = sha256(await archive("ours"));
    body = await archive("someone else's");
    const { exitCode, stderr, home } = await fetchAgent(pinned);
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(`the agent's archive is not ${pinned}: ${sha256(body)}`);
    expect(existsSync(home)).toBe(false);
  });

  test("that is no archive is refused, whatever its hash", async () => {
    body = Buffer.from("no tar at all");
    const { exitCode, stderr, home } = await fetchAgent(sha256(body));
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("not a tar");
    expect(existsSync(home)).toBe(false);
  });
});

test.runIf(process.platform === "linux")(
  "what the agent is told is for root alone, from its first byte on",
  async () => {
    const part =
      /^rm -f \S+boot\.json\.next\n[\s\S]*?^mv .*boot\.json$/m.exec(script)?.[0] ??
      expect.fail("no boot.json");
    const modes = 'mv() { stat -c %a "$1"; command mv "$@"; stat -c %a "$2"; }';
    const all = `umask 022\n${modes}\n${part.replaceAll("/etc/everspot", folder)}`;
    const { stdout } = await execa("bash", ["-c", all]);
    expect(stdout.split("\n")).toEqual(["600", "600"]);
  },
);
