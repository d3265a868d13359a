import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packageIndex } from "./mirror/index-hosts.ts";
import { serveMirror } from "./mirror/proxy.ts";
import { deb822, machineSources, oneLine, proxies, type Sources } from "./mirror/sources.ts";
import { type Mirror, openMirror } from "./mirror.ts";

const DEB = "/debian/pool/main/h/hello/hello_2.10-3_amd64.deb";
const BY_HASH = `/debian/dists/trixie/main/binary-amd64/by-hash/SHA256/${"a".repeat(64)}`;
const IN_RELEASE = "/debian/dists/trixie/InRelease";

let folder: string;
let debian: http.Server;
let asked: string[];
let answer: (req: http.IncomingMessage, res: http.ServerResponse) => void;
let outer: Awaited<ReturnType<typeof serveMirror>>;
let mirror: Mirror;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "mirror-"));
  asked = [];
  answer = (req, res) => void res.end(`content of ${req.url}`);
  debian = http.createServer((req, res) => {
    asked.push(req.url ?? "");
    answer(req, res);
  });
  await listen(debian);
  await open({});
});
afterEach(async () => {
  await mirror.close();
  await outer.close();
  debian.closeAllConnections();
  debian.close();
  await rm(folder, { recursive: true });
});

const listen = (server: http.Server) =>
  new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
const host = (server = debian) => `127.0.0.1:${(server.address() as AddressInfo).port}`;

async function open(more: Partial<Sources>, tunnels: readonly string[] = []) {
  const socket = path.join(folder, `${Math.random()}.sock`);
  const main = `http://${host()}/debian`;
  const sources = {
    main,
    security: `${main}-security`,
    proxy: { http: undefined, https: undefined },
    settings: {},
  };
  outer = await serveMirror({
    socket,
    cache: path.join(folder, "cache"),
    sources: { ...sources, ...more },
    tunnels,
  });
  mirror = await openMirror(socket, 0);
}

/** As apt does: the whole URL in the request line. */
function get(
  url: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; text: string; headers: http.IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(mirror.url);
    http
      .request({ hostname, port, path: url, agent: false, ...options }, async (res) => {
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of res) chunks.push(chunk);
        } catch (error) {
          return reject(error);
        }
        resolve({
          status: res.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          headers: res.headers,
        });
      })
      .on("error", reject)
      .end();
  });
}

test("what cannot change is fetched once, and served when Debian is gone", async () => {
  for (const file of [DEB, BY_HASH]) {
    expect((await get(`http://${host()}${file}`)).text).toBe(`content of ${file}`);
  }
  const url = `http://${host()}`;
  debian.closeAllConnections();
  debian.close();
  for (const file of [DEB, BY_HASH]) expect((await get(`${url}${file}`)).text).toBe(`content of ${file}`);
  expect(asked).toEqual([DEB, BY_HASH]);
  expect((await get(`${url}${IN_RELEASE}`)).status).toBe(502);
  // A hit is counted once it is sent.
  await expect.poll(() => mirror.stats()).toMatchObject({ requests: 5, hits: 2, refused: 0 });
});

test("what can change is asked for every time, with the condition apt gives", async () => {
  const since = "Sat, 21 Nov 2026 12:00:00 GMT";
  answer = (req, res) => {
    if (req.headers["if-modified-since"] === since) res.writeHead(304).end();
    else res.writeHead(200, { "last-modified": since }).end("release");
  };
  const first = await get(`http://${host()}${IN_RELEASE}`);
  expect([first.status, first.text, first.headers["last-modified"]]).toEqual([200, "release", since]);
  const second = await get(`http://${host()}${IN_RELEASE}`, { headers: { "if-modified-since": since } });
  expect(second.status).toBe(304);
  expect(asked).toHaveLength(2);
});

test("only GET, and only from the machine's own mirrors", async () => {
  expect((await get("http://127.0.0.1:9/debian/pool/x.deb")).status).toBe(403);
  expect((await get("http://elsewhere.example/debian/")).status).toBe(403);
  expect((await get("/etc/passwd")).status).toBe(403);
  expect((await get(`http://${host()}${DEB}`, { method: "POST" })).status).toBe(403);
  expect(asked).toEqual([]);
  expect((await mirror.stats()).refused).toBe(4);
});

test("an answer that breaks off is an error and is not kept", async () => {
  answer = (_, res) => {
    res.writeHead(200, { "content-length": 1000 }).write("begin");
    setImmediate(() => res.destroy());
  };
  expect((await get(`http://${host()}${DEB}`)).status).toBe(502);
  answer = (_, res) => void res.end("whole");
  expect((await get(`http://${host()}${DEB}`)).text).toBe("whole");
  const left = await readdir(path.join(folder, "cache"), { recursive: true });
  expect(left.filter((name) => name.endsWith(".part"))).toEqual([]);
});

test("errors are not kept", async () => {
  answer = (_, res) => void res.writeHead(404).end("no");
  expect((await get(`http://${host()}${DEB}`)).status).toBe(404);
  answer = (_, res) => void res.end("yes");
  expect((await get(`http://${host()}${DEB}`)).text).toBe("yes");
});

test("two at once get the same file", async () => {
  const both = await Promise.all([get(`http://${host()}${DEB}`), get(`http://${host()}${DEB}`)]);
  expect(both.map((b) => b.text)).toEqual([`content of ${DEB}`, `content of ${DEB}`]);
});

test("switched off, it refuses connections; switched on, it is where it was", async () => {
  const { url } = mirror;
  await mirror.off();
  await expect(get(`http://${host()}${DEB}`)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  await mirror.on();
  expect(mirror.url).toBe(url);
  expect((await get(`http://${host()}${DEB}`)).status).toBe(200);
});

test("goes through the proxy that the machine's apt uses", async () => {
  await mirror.close();
  await outer.close();
  const seen: (string | undefined)[] = [];
  const proxy = http.createServer((req, res) => {
    seen.push(req.url, req.headers["proxy-authorization"]);
    res.end("through the proxy");
  });
  await listen(proxy);
  await open({ proxy: { http: `http://me:p%40ss@${host(proxy)}`, https: undefined } });
  const url = `http://${host()}${DEB}`;
  expect((await get(url)).text).toBe("through the proxy");
  expect(seen).toEqual([url, `Basic ${Buffer.from("me:p@ss").toString("base64")}`]);
  expect(asked).toEqual([]);
  proxy.closeAllConnections();
  proxy.close();
});

/** As pip does for an index over TLS. @returns the proxy's status, and what came through the tunnel. */
function tunnel(target: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(mirror.url);
    http
      .request({ hostname, port, method: "CONNECT", path: target, agent: false })
      .on("connect", async (answer, socket) => {
        socket.write("GET /simple/ HTTP/1.1\r\nhost: index\r\nconnection: close\r\n\r\n");
        const chunks: Buffer[] = [];
        for await (const chunk of socket) chunks.push(chunk);
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      })
      .on("error", reject)
      .end();
  });
}

test("leads to the hosts of a package index, where that is asked for, and to no other", async () => {
  expect((await tunnel(host())).status).toBe(403);
  await mirror.close();
  await outer.close();
  const elsewhere = http.createServer((_, res) => res.end("elsewhere"));
  await listen(elsewhere);
  await open({}, [host()]);
  const through = await tunnel(host());
  expect(through.status).toBe(200);
  expect(through.text).toContain("content of /simple/");
  expect((await tunnel(host(elsewhere))).status).toBe(403);
  expect((await mirror.stats()).refused).toBe(1);
  elsewhere.closeAllConnections();
  elsewhere.close();
});

test("pip says which hosts it asks, with those of its configuration", async () => {
  const pip = path.join(folder, "pip.conf");
  await writeFile(pip, "[global]\nindex-url = https://index.example/simple\n");
  const { PIP_INDEX_URL: _, ...rest } = process.env;
  const extra = "https://other.example:8443/x http://plain.example/";
  const env = { ...rest, PIP_CONFIG_FILE: pip, PIP_EXTRA_INDEX_URL: extra };
  const found = await packageIndex(["https://named.example/simple"], env);
  expect(found.url).toBe("https://index.example/simple");
  expect(found.hosts.slice(0, 3)).toEqual(["index.example:443", "other.example:8443", "named.example:443"]);
  await expect(packageIndex([], { PATH: folder })).rejects.toThrow("pip does not say");
});

test("apt's sources in both styles", async () => {
  const list = `# deb http://old.example/debian buster main
deb [signed-by=/k.gpg arch=amd64] http://near.example/debian/ trixie main
deb-src http://near.example/debian trixie main
deb http://near.example/debian-security trixie-security main
`;
  expect(oneLine(list)).toEqual([
    { uri: "http://near.example/debian/", suite: "trixie" },
    { uri: "http://near.example/debian-security", suite: "trixie-security" },
  ]);
  const sources = `Types: deb deb-src
# a note
URIs: http://a.example/debian
 http://b.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
Enabled: no
URIs: http://c.example/debian
Suites: bookworm
`;
  expect(deb822(sources)).toEqual([
    { uri: "http://a.example/debian", suite: "bookworm" },
    { uri: "http://a.example/debian", suite: "bookworm-updates" },
    { uri: "http://b.example/debian", suite: "bookworm" },
    { uri: "http://b.example/debian", suite: "bookworm-updates" },
  ]);
});

test("a machine without a source of Debian packages is told so", async () => {
  await expect(machineSources(folder)).rejects.toThrow("no source of Debian packages");
});

test("apt's own proxy goes before the environment's, and DIRECT means none", () => {
  const env = { http_proxy: "http://env:1", https_proxy: "http://env:2" };
  expect(proxies({}, env)).toEqual({ http: "http://env:1", https: "http://env:2" });
  expect(proxies({ "Acquire::http::Proxy": "http://apt:3", "Acquire::https::Proxy": "DIRECT" }, env)).toEqual(
    {
      http: "http://apt:3",
      https: undefined,
    },
  );
});
