import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat, utimes } from "node:fs/promises";
import http from "node:http";
import type { Socket } from "node:net";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { messageOf } from "../../../agent/site/errors.ts";
import type { Sources } from "./sources.ts";
import { get, openTunnel } from "./upstream.ts";

/** What passed the mirror since it was started. */
export interface MirrorStats {
  requests: number;
  /** Answered from the disk. */
  hits: number;
  /** Not a GET, or not one of Debian's hosts; a tunnel to another host than those that may be had. */
  refused: number;
  bytes: number;
}

/**
 * The mirror's outer half: a forward proxy on a unix socket, in the machine's own network, that fetches from
 * the machine's Debian mirrors and from nowhere else. What can never change (packages, indexes named by their
 * hash) is kept on disk by its path; concurrent runs may share the folder. `GET /stats` answers MirrorStats.
 * @param options `tunnels`: "host:port" of those to whom CONNECT leads besides; none if not given.
 */
export async function serveMirror(options: {
  socket: string;
  cache: string;
  sources: Sources;
  tunnels?: readonly string[];
}) {
  const { sources, cache, tunnels = [] } = options;
  const origins = new Map(
    [sources.main, sources.security].map((u) => [new URL(u).host, new URL(u).protocol]),
  );
  const open = new Set<Socket>();
  const stats: MirrorStats = { requests: 0, hits: 0, refused: 0, bytes: 0 };

  const server = http.createServer(async (req, res) => {
    if (req.url === "/stats") return void res.end(JSON.stringify(stats));
    stats.requests += 1;
    const url = target(req.url ?? "", origins);
    if (req.method !== "GET" || url === undefined) {
      stats.refused += 1;
      return void res.writeHead(403).end("only GET, and only from this machine's Debian mirrors\n");
    }
    try {
      const kept = immutable(url.pathname) ? path.join(cache, url.host, url.pathname) : undefined;
      if (kept !== undefined && (await sendKept(kept, res, () => (stats.hits += 1)))) return;
      await relay(url, req, res, kept);
    } catch (error) {
      if (res.headersSent) res.destroy();
      else res.writeHead(502).end(`${messageOf(error)}\n`);
    }
  });
  server.on("connect", async (req: http.IncomingMessage, client: Socket, head: Buffer) => {
    stats.requests += 1;
    client.on("error", () => client.destroy());
    if (!tunnels.includes(req.url ?? "")) {
      stats.refused += 1;
      return void client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    }
    try {
      const there = await openTunnel(req.url ?? "", sources.proxy.https);
      open.add(there);
      there.on("error", () => client.destroy()).on("close", () => open.delete(there));
      client.on("close", () => there.destroy());
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      there.write(head);
      there.pipe(client).pipe(there);
    } catch {
      client.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    }
  });
  server.listen(options.socket);
  await new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));

  async function sendKept(file: string, res: http.ServerResponse, hit?: () => void): Promise<boolean> {
    const found = await stat(file).catch(() => undefined);
    if (found === undefined) return false;
    // Before it is sent: who has all of it may close before the pipe has ended.
    hit?.();
    stats.bytes += found.size;
    res.writeHead(200, { "content-length": found.size, "last-modified": found.mtime.toUTCString() });
    await pipeline(createReadStream(file), res);
    return true;
  }

  async function relay(
    url: URL,
    req: http.IncomingMessage,
    res: http.ServerResponse,
    keep: string | undefined,
  ) {
    const wanted = ["accept", "user-agent", "if-modified-since", "cache-control"] as const;
    const headers = Object.fromEntries(wanted.flatMap((n) => (req.headers[n] ? [[n, req.headers[n]]] : [])));
    const answer = await get(url, headers, sources.proxy);
    const passed = ["content-type", "content-length", "last-modified", "date", "etag"] as const;
    const reply = Object.fromEntries(
      passed.flatMap((n) => (answer.headers[n] ? [[n, answer.headers[n]]] : [])),
    );
    if (keep !== undefined && answer.statusCode === 200) {
      await store(answer, keep);
      await sendKept(keep, res);
      return;
    }
    res.writeHead(answer.statusCode ?? 502, reply);
    answer.on("data", (chunk: Buffer) => {
      stats.bytes += chunk.length;
    });
    await pipeline(answer, res);
  }

  return {
    stats: () => ({ ...stats }),
    async close() {
      for (const tunnel of open) tunnel.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The URL to fetch, with the scheme the machine's own sources use; undefined if it is none of their hosts. */
function target(text: string, origins: ReadonlyMap<string, string>): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const protocol = origins.get(url.host);
  if (protocol === undefined || url.protocol !== "http:" || url.username !== "") return undefined;
  url.protocol = protocol;
  return url;
}

/** Debian never puts another file at a pool path, and by-hash paths name their content. */
const immutable = (pathname: string) =>
  (/\/pool\/.+\.deb$/.test(pathname) || /\/by-hash\/SHA256\/[0-9a-f]{64}$/.test(pathname)) &&
  !decodeURIComponent(pathname).split("/").includes("..");

async function store(answer: http.IncomingMessage, file: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}.part`;
  try {
    await pipeline(answer, createWriteStream(part));
    const expected = answer.headers["content-length"];
    const { size } = await stat(part);
    if (expected !== undefined && Number(expected) !== size)
      throw new Error(`got ${size} of ${expected} bytes`);
    const modified = new Date(answer.headers["last-modified"] ?? Date.now());
    await utimes(part, modified, modified);
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
}
