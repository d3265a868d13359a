import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { renderBootstrap, renderUserData, USER_DATA_LIMIT } from "../../user-data/render.ts";
import { bootConfigOf } from "../agent/boot-config.ts";

const nasty = bootConfigOf({
  app: {
    beforeStart: [
      "echo '\"`$(touch /tmp/pwned)`\\'",
      "EVERSPOT_BOOT_CONFIG",
      "a\nEVERSPOT_BOOT_CONFIG\nreboot",
    ],
    env: { QUOTE: `'"\\$HOME`, UMLAUT: "Grüße 😀", MIME: "\n--everspot-user-data--\n", PLACE: "@BUCKET@" },
  },
});

/** What the here-document of a script puts into boot.json, by a real shell. */
function written(script: string): unknown {
  const folder = mkdtempSync(join(tmpdir(), "everspot-render-"));
  try {
    const file = join(folder, "boot.json");
    const start = script.indexOf("cat >/etc/everspot/boot.json.next");
    const end = script.indexOf("\nmv /etc/everspot/boot.json.next");
    const part = script.slice(start, end).replace("/etc/everspot/boot.json.next", file);
    writeFileSync(join(folder, "part.sh"), part);
    execFileSync("bash", ["-eu", join(folder, "part.sh")], { stdio: "pipe" });
    return JSON.parse(readFileSync(file, "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the script", () => {
  test("carries every value of the configuration through the shell unchanged", () => {
    expect(written(renderBootstrap(nasty))).toEqual(nasty);
  });
  test("is valid bash, ASCII, and leaves no place unfilled", () => {
    const script = renderBootstrap(nasty);
    execFileSync("bash", ["-n"], { input: script });
    expect([...script].filter((c) => c > "~" || (c < " " && c !== "\n"))).toEqual([]);
    expect(script.replaceAll("@BUCKET@", "").match(/@[A-Z_]+@/)).toBeNull();
    expect(script).toContain(`bucket='${nasty.bucket}' region='eu-west-1' agent='${nasty.agent}'`);
  });
  test("names the bucket's real address, in China too", () => {
    expect(renderBootstrap(nasty)).toContain("https://$bucket.s3.$region.amazonaws.com;");
    expect(renderBootstrap({ ...nasty, region: "cn-north-1" })).toContain("$region.amazonaws.com.cn;");
  });
  test("refuses a bucket or region that could leave its quotes", () => {
    expect(() => renderBootstrap({ ...nasty, bucket: "a'; reboot '" })).toThrow("cannot be the bucket");
    expect(() => renderBootstrap({ ...nasty, region: "$(reboot)" })).toThrow("cannot be the region");
  });
  test("fits a quarter of the user data", () => {
    expect(readFileSync(new URL("../../user-data/bootstrap.sh", import.meta.url)).length).toBeLessThanOrEqual(
      4096,
    );
  });
});

describe("the user data", () => {
  test("is one MIME part that cloud-init runs at every boot, the same bytes each time", () => {
    const text = renderUserData(nasty).toString();
    const [head = "", part = "", end] = text.split(/^--everspot-user-data/m);
    expect(head).toContain('Content-Type: multipart/mixed; boundary="everspot-user-data"\nMIME-Version: 1.0');
    expect(part).toContain("Content-Type: text/x-shellscript-per-boot");
    expect(part.slice(part.indexOf("\n\n") + 2)).toBe(`${renderBootstrap(nasty)}\n`);
    expect(end).toBe("--\n");
    expect(renderUserData(nasty).equals(renderUserData(structuredClone(nasty)))).toBe(true);
  });
  test("that is too big for EC2 is refused with what to shorten", () => {
    const config = bootConfigOf({ app: { env: { BIG: "x".repeat(USER_DATA_LIMIT) } } });
    expect(() => renderUserData(config)).toThrow(/the user data has \d+ bytes, EC2 allows 16384/);
  });
  test("has room for a big configuration", () => {
    const env = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`VARIABLE_${i}`, "x".repeat(100)]));
    expect(renderUserData(bootConfigOf({ app: { env } })).length).toBeLessThan(USER_DATA_LIMIT);
  });
});
