import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { explain } from "../../../provisioner/aws/errors.ts";
import { type SignedJson, signedJson } from "../../../provisioner/aws/signed-json.ts";

interface Answer {
  status: number;
  body: string;
  headers?: Record<string, string>;
}

let answers: Answer[];
let asked: { method: string | undefined; url: string | undefined; body: string; authorization: string }[];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  const { method, url, headers } = request;
  asked.push({ method, url, body, authorization: headers.authorization ?? "" });
  const answer = answers.shift() ?? { status: 200, body: '{"fine":true}' };
  response.writeHead(answer.status, answer.headers).end(answer.body);
});
const requestHandler = new NodeHttpHandler();
afterAll(() => requestHandler.destroy());
let call: SignedJson;
beforeEach(async () => {
  [answers, asked] = [[], []];
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  call = signedJson({
    ...{ service: "fis", region: "us-east-1", requestHandler },
    credentials: async () => ({ accessKeyId: "AKIATEST", secretAccessKey: "test" }),
    env: {
      AWS_ENDPOINT_URL: "http://127.0.0.1:9",
      AWS_ENDPOINT_URL_FIS: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    },
  });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test("a call is signed for its service, and its answer is JSON", async () => {
  expect(await call("GET", "/experiments/EXP1")).toEqual({ fine: true });
  expect(asked).toMatchObject([{ method: "GET", url: "/experiments/EXP1", body: "" }]);
  expect(asked[0]?.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIATEST\/\d{8}\/us-east-1\/fis\/aws4_request, SignedHeaders=.*Signature=[0-9a-f]{64}$/,
  );
});

test("trouble that passes is tried again, as the same request", async () => {
  answers = [
    { status: 503, body: "" },
    { status: 429, body: '{"message":"slow down"}', headers: { "x-amzn-errortype": "ThrottlingException" } },
  ];
  await call("POST", "/experiments", { experimentTemplateId: "EXT1" });
  const [first, , third] = asked;
  expect(asked).toHaveLength(3);
  expect(third?.body).toBe(first?.body);
  expect(JSON.parse(first?.body ?? "")).toMatchObject({
    clientToken: expect.stringMatching(/^[0-9a-f-]{36}$/),
    experimentTemplateId: "EXT1",
  });
});

test.each([
  ["in a header", '{"message":"no"}', { "x-amzn-errortype": "AccessDeniedException:http://internal/" }],
  ["in the body", '{"__type":"com.amazonaws.fis#AccessDeniedException","Message":"no"}', {}],
])("a refusal is not tried again, and is explained as the SDK's are (code %s)", async (_, body, headers) => {
  answers = [{ status: 403, body, headers }];
  const error: unknown = await call("DELETE", "/experimentTemplates/EXT1").catch((e: unknown) => e);
  expect(error).toMatchObject({ name: "AccessDeniedException", message: "no" });
  expect(explain("starting", error)).toMatchObject({ hint: expect.stringContaining("permissions") });
  expect(asked).toHaveLength(1);
});

test("what is no JSON at all is a failure with its status", async () => {
  answers = [{ status: 400, body: "<html>proxy</html>" }];
  await expect(call("GET", "/experiments/EXP1")).rejects.toMatchObject({ name: "HTTP 400" });
});
