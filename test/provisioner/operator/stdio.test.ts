import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { createStdio } from "../../../provisioner/operator/stdio.ts";

const stream = (isTTY = false) => Object.assign(new PassThrough(), { isTTY });
const stdioOn = (stdin = stream(), stdout = stream(), stderr = stream()) => ({
  ...{ stdin, stdout, stderr },
  stdio: createStdio({ stdin, stdout, stderr } as never),
});

test("bytes go to the output they are for, as they are; on a terminal without what it would obey", async () => {
  const bytes = Buffer.from("\u001b]0;title\u0007\u001b[32mgreen\u001b[0m");
  const piped = stdioOn();
  expect(await piped.stdio.write("stdout", bytes)).toBe(true);
  expect(piped.stdout.read()).toEqual(bytes);
  const seen = stdioOn(stream(true), stream(true));
  expect(seen.stdio.typed).toBe(true);
  await seen.stdio.write("stdout", bytes);
  await seen.stdio.write("stderr", bytes);
  expect(String(seen.stdout.read())).toBe("\u001b[32mgreen\u001b[0m");
  expect(seen.stderr.read()).toEqual(bytes);
});

test("a reader that has gone is told apart from other trouble", async () => {
  const failing = (code: string) => {
    const out = stream();
    out._transform = (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code }));
    out.on("error", () => {});
    return stdioOn(stream(), out).stdio.write("stdout", Buffer.from("x"));
  };
  expect(await failing("EPIPE")).toBe(false);
  await expect(failing("ENOSPC")).rejects.toThrow("ENOSPC");
});

test("what is read ends when no more is wanted", async () => {
  const { stdin, stdio } = stdioOn();
  stdin.write("one");
  const read: string[] = [];
  const reading = (async () => {
    for await (const chunk of stdio.input) read.push(Buffer.from(chunk).toString());
  })().catch(() => undefined);
  await new Promise((resolve) => setImmediate(resolve));
  stdio.done();
  await reading;
  expect(read).toEqual(["one"]);
});
