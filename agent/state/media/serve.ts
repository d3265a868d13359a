import { once } from "node:events";
import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { messageOf } from "../../site/errors.ts";
import type { Fetcher } from "./fetch.ts";

/** Where nginx serves from once the content is here (agent/serving/nginx-media.ts). */
export const INTERNAL = "/.everspot-uploads/";

/**
 * For nginx and the site's own code: `GET /<name>` fetches an upload that only has its name here, and says where it
 * lies; 404 when there is none.
 */
export async function serveUploads(
  fetcher: Pick<Fetcher, "fetch">,
  socket: string,
  say: (message: string) => void,
): Promise<Server> {
  rmSync(socket, { force: true });
  const server = createServer((request, response) => {
    const name =
      request.method === "GET" || request.method === "HEAD" ? nameOf(request.url ?? "") : undefined;
    if (name === undefined) return void response.writeHead(404).end();
    fetcher.fetch(name).then(
      (there) => {
        const where = INTERNAL + name.split("/").map(encodeURIComponent).join("/");
        response.writeHead(there ? 200 : 404, there ? { "x-accel-redirect": where } : {}).end();
      },
      (error: unknown) => {
        say(`upload ${JSON.stringify(name)}: ${messageOf(error)}`);
        response.writeHead(503, { "retry-after": "5", "cache-control": "no-store" }).end();
      },
    );
  });
  server.listen(socket);
  await once(server, "listening");
  // Its folder decides who gets there.
  chmodSync(socket, 0o666);
  return server;
}

/** Undefined for what cannot be the name of an upload. */
export function nameOf(url: string): string | undefined {
  try {
    const name = decodeURIComponent(url.slice(1).split("?", 1)[0] ?? "");
    const inside = name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
    return inside && !name.includes("\0") ? name : undefined;
  } catch {
    return undefined;
  }
}
