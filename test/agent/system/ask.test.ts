import { readdirSync, readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { ask } from "../../../agent/system/ask.ts";

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(0) : server.close(resolve)));
  server = undefined;
});

async function serve(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
const milliseconds = 5_000;

test("what is sent comes whole, and so does the answer; a redirection is one", async () => {
  const url = await serve(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { "content-length": length, "x-a": a } = request.headers;
    response.writeHead(302, { location: "/elsewhere" }).end(`${request.method} ${length} ${a} ${body}`);
  });
  const answer = await ask(url, { method: "POST", headers: { "x-a": "b" }, body: "über", milliseconds });
  expect(answer).toEqual({ status: 302, text: "POST 5 b über" });
  expect((await ask(url, { milliseconds })).text).toBe("GET undefined undefined ");
});

test("an answer without end is not waited for, nor is silence", async () => {
  const without = await serve((_, response) => {
    const more = () => response.write("x".repeat(10_000), (error) => error == null && setImmediate(more));
    more();
  });
  const { status, text } = await ask(without, { milliseconds });
  expect(status).toBe(200);
  expect(text.length).toBeLessThan(1e6);
  server?.removeAllListeners("request").on("request", () => {});
  await expect(ask(without, { milliseconds: 20 })).rejects.toMatchObject({ name: "TimeoutError" });
});

test("no one there is an error that says so", async () => {
  const url = await serve(() => {});
  await new Promise((resolve) => server?.close(resolve));
  await expect(ask(url, { milliseconds })).rejects.toThrow("ECONNREFUSED");
});

/** Megabytes that the first use takes of a process that has 75, and what does the same without. */
const DEAR: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w.#]|function |async )fetch\(\w*(url|endpoint)/i, "fetch(): 9; agent/system/ask.ts"],
  [/\.localeCompare\(/, "localeCompare(): 3; < and >"],
  [/new Intl\.(?!DateTimeFormat\("en-US", \{ timeZone: name \}\))/, "Intl: 8; agent/site/jobs/zone.ts"],
];

test("the agent uses nothing of Node that takes megabytes for the asking", () => {
  const root = path.resolve(import.meta.dirname, "../../../agent");
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".ts"));
  expect(files.length).toBeGreaterThan(100);
  const found = files.flatMap((file) => {
    const text = readFileSync(path.join(root, file), "utf8");
    return DEAR.flatMap(([what, why]) => (what.test(text) ? [`${file}: ${why}`] : []));
  });
  expect(found).toEqual([]);
});
