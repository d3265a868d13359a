import http from "node:http";
import net from "node:net";
import type { MirrorStats } from "./mirror/proxy.ts";

/** The mirror as machines see it: a proxy on loopback that can be taken away. */
export interface Mirror {
  /** "http://127.0.0.1:3142" */
  url: string;
  /** Connections are refused from now on, and the open ones are cut. */
  off(): Promise<void>;
  on(): Promise<void>;
  stats(): Promise<MirrorStats>;
  close(): Promise<void>;
}

/** The mirror's inner half: passes every connection on to the outer half's unix socket. */
export async function openMirror(socketPath: string, port = 3142): Promise<Mirror> {
  const open = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const outer = net.connect(socketPath);
    for (const [from, to] of [
      [client, outer],
      [outer, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  const on = async (at = port) => {
    if (server.listening) return;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(at, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  };
  const off = async () => {
    for (const socket of open) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  await on();
  const { port: bound } = server.address() as net.AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}`,
    on: () => on(bound),
    off,
    close: off,
    stats: () => readStats(socketPath),
  };
}

function readStats(socketPath: string): Promise<MirrorStats> {
  return new Promise((resolve, reject) => {
    http
      .get({ socketPath, path: "/stats", agent: false }, async (answer) => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk);
        resolve(JSON.parse(Buffer.concat(chunks).toString()));
      })
      .on("error", reject);
  });
}
