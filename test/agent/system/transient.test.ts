import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startTransient } from "../../../agent/system/transient.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "transient-"));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

/** In the place of systemd-run: as systemd does, it takes `$$` for `$`; test/system/agent.test.ts has the real one. */
function systemdRun(): void {
  const file = join(folder, "systemd-run");
  const script = `#!/usr/bin/env python3
import os, sys
i = sys.argv.index("--")
open(${JSON.stringify(join(folder, "options"))}, "w").write("\\n".join(sys.argv[1:i]))
words = [w.replace("$$", "$") for w in sys.argv[i + 1:]]
os.execvp(words[0], words)
`;
  writeFileSync(file, script);
  chmodSync(file, 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
}

const start = (...words: string[]) =>
  startTransient({ unit: "x@r1.service", description: "a test", words, seconds: 60, memory: "40%" });

test("gives the command its words as they are, its input and its outputs, and its exit code back", async () => {
  systemdRun();
  const command = start(
    "sh",
    "-c",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell
    'echo "$1 $HOME_OF_NONE ${X:-x}"; cat; echo e >&2; exit 7',
    "sh",
    "a $b $$ c",
  );
  command.stdin.end("from stdin\n");
  const [stdout, stderr, code] = await Promise.all([
    text(command.stdout),
    text(command.stderr),
    command.ended,
  ]);
  expect([stdout, stderr, code]).toEqual(["a $b $$ c  x\nfrom stdin\n", "e\n", 7]);
});

test("one that a signal ends, and one that is not there, have a shell's exit codes", async () => {
  systemdRun();
  const killed = start("sh", "-c", "kill -9 $$");
  expect(await killed.ended).toBe(137);
  const none = start("no-such-program");
  expect(await text(none.stderr)).toContain("not found");
  expect(await none.ended).toBe(127);
});

test("without systemd-run it has ended, with 255", async () => {
  vi.stubEnv("PATH", folder);
  expect(await start("true").ended).toBe(255);
});
