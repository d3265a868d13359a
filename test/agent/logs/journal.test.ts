import { afterEach, expect, test } from "vitest";
import { journalTail, type Tail } from "../../../agent/logs/journal.ts";

let open: Tail | undefined;
afterEach(() => open?.close());
const signal = new AbortController().signal;
const entry = (n: number, message = `line ${n}`) =>
  JSON.stringify({
    __CURSOR: `s=a;i=${n.toString(16)};`,
    __REALTIME_TIMESTAMP: "1700000000000000",
    MESSAGE: message,
  });

/** In the place of journalctl: a shell, which has journalctl's own arguments as its $@. */
function tail(script: string, after?: string): Tail {
  open = journalTail(["sh", "-c", script, "journalctl"])(after);
  return open;
}
async function all(from: Tail): Promise<string[]> {
  const lines: string[] = [];
  while (from.ended === undefined) {
    await from.filled(signal);
    lines.push(...from.take().flatMap((one) => one.lines));
  }
  return lines;
}

test("the journal is read from the cursor on, without one from the beginning of the boot", async () => {
  const words = `printf '{"__CURSOR":"c","MESSAGE":"%s"}\\n' "$*"`;
  expect((await all(tail(words, "s=a;i=1;")))[0]).toMatch(
    /--follow --no-tail .*--output=json .*--after-cursor=s=a;i=1;$/,
  );
  expect((await all(tail(words)))[0]).toMatch(/--boot$/);
});

test("entries come whole, in whichever pieces they are read; one that is too long is left out", async () => {
  const first = entry(1, "é");
  const script = [
    `printf '%s' '${first.slice(0, 20)}'; sleep 0.1; printf '%s\\n' '${first.slice(20)}'`,
    "head -c 3000000 /dev/zero | tr '\\0' x; echo",
    `echo '${entry(3)}'`,
  ].join("\n");
  expect(await all(tail(script))).toEqual(["é", "line 3"]);
});

test("no more is read than is taken", async () => {
  const from = tail(`yes '${entry(1, "x".repeat(1000))}'`);
  while (!from.full) await from.filled(signal).then(() => new Promise((resolve) => setTimeout(resolve, 5)));
  await new Promise((resolve) => setTimeout(resolve, 100));
  const held = from.take().length;
  expect(held).toBeGreaterThan(200);
  expect(held).toBeLessThan(400);
  await from.filled(signal);
});

test("why it ended is said", async () => {
  const from = tail("echo 'Failed to seek to cursor' >&2; exit 1");
  await from.filled(signal);
  expect(from.ended).toBe("Failed to seek to cursor");
  const missing = journalTail(["/nowhere/journalctl"])(undefined);
  await missing.filled(signal);
  expect(missing.ended).toMatch(/ENOENT/);
});
