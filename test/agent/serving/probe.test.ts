import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import type { RequestListener } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { selfSigned } from "../../../agent/certificate/self-signed.ts";
import { signCertificate } from "../../../agent/certificate/x509.ts";
import { probeSite } from "../../../agent/serving/probe.ts";

let server: https.Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

async function serve(pair: { key: string; chain: string }, answer: RequestListener): Promise<number> {
  server = https.createServer({ key: pair.key, cert: pair.chain }, answer);
  const made = server;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return (made.address() as AddressInfo).port;
}
const probe = (port: number, seconds = 0) =>
  probeSite({ address: "127.0.0.1", port, domain: "blog.example", path: "/healthz" }, seconds);

test("asks the address for the domain, by SNI and Host, and reports a chain no one trusts", async () => {
  let seen: unknown;
  const port = await serve(selfSigned(["blog.example"], new Date()), (request, response) => {
    const socket = request.socket as unknown as { servername: string };
    seen = [socket.servername, request.headers.host, request.url];
    response.end("ok");
  });
  const answer = await probe(port);
  expect(seen).toEqual(["blog.example", "blog.example", "/healthz"]);
  expect(answer).toMatchObject({ status: 200, wrong: undefined });
  expect(answer.distrust).toMatch(/SELF_SIGNED|UNABLE_TO/);
});

test("just after a reload the certificate of before is no answer; where it stays, it is one", async () => {
  let now = 0;
  const sleep = async (ms: number) => {
    now += ms;
  };
  const clock = { now: () => now, sleep };
  const [old, next] = [selfSigned(["blog.example"], new Date()), selfSigned(["blog.example"], new Date())];
  const port = await serve(old, (_, response) => response.end());
  const serialOf = ({ chain }: { chain: string }) => new X509Certificate(chain).serialNumber.toLowerCase();
  const look = (serial: string) =>
    probeSite({ address: "127.0.0.1", port, domain: "blog.example", path: "/", serial }, 30, clock);
  expect(await look(serialOf(old))).toMatchObject({ serial: serialOf(old) });
  expect(now).toBe(0);
  expect(await look(serialOf(next))).toMatchObject({ serial: serialOf(old) });
  expect(now).toBe(5_000);
  const reloaded = look(serialOf(next));
  server?.setSecureContext({ key: next.key, cert: next.chain });
  expect(await reloaded).toMatchObject({ status: 200, serial: serialOf(next) });
});

test("a certificate for another name is no success, trusted or not", async () => {
  const port = await serve(selfSigned(["other.example"], new Date()), (_, response) => response.end());
  await expect(probe(port)).rejects.toThrow(/certificate: .*blog\.example/s);
});

test("an expired certificate is no success", async () => {
  const { key } = selfSigned(["blog.example"], new Date());
  const privateKey = createPrivateKey(key);
  const chain = signCertificate({
    commonName: "old",
    names: ["blog.example"],
    publicKey: createPublicKey(privateKey),
    notBefore: new Date(Date.now() - 7200_000),
    notAfter: new Date(Date.now() - 3600_000),
    issuer: { commonName: "old", privateKey },
    ca: false,
  });
  const port = await serve({ key, chain }, (_, response) => response.end());
  await expect(probe(port)).rejects.toThrow("certificate: expired");
});

test("keeps trying until the site answers 200, and quotes the last answer when it does not", async () => {
  let asked = 0;
  const port = await serve(selfSigned(["blog.example"], new Date()), (_, response) => {
    response.statusCode = ++asked < 3 ? 503 : 200;
    response.end();
  });
  expect((await probe(port, 5)).status).toBe(200);
  expect(asked).toBe(3);
  asked = -1000;
  await expect(probe(port)).rejects.toThrow("last seen: HTTP 503");
});
