import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { messageOf } from "../site/errors.ts";
import { Fenced } from "../site/state/errors.ts";
import type { Written } from "./log/log-writer.ts";
import type { Shipper } from "./shipper.ts";

/**
 * The agent's hand on the shipper: HTTP over a socket of its own. `GET /status`; `POST /open`, `/seal`,
 * `/mark?name=…` write that entry behind all that is committed, and answer its number; 409 with the
 * later owner's epoch when there is one.
 */
export async function serveControl(shipper: Shipper, socket: string): Promise<Server> {
  rmSync(socket, { force: true });
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const url = new URL(request.url ?? "/", "http://shipper");
    if (request.method === "GET" && url.pathname === "/status") return answer(200, shipper.status);
    const written = request.method === "POST" ? orderOf(url) : undefined;
    if (written === undefined)
      return answer(404, { error: `no such order: ${request.method} ${request.url}` });
    shipper.order(written).then(
      (seq) => answer(200, { seq }),
      (error: unknown) =>
        error instanceof Fenced
          ? answer(409, { epoch: error.epoch })
          : answer(500, { error: messageOf(error) }),
    );
  });
  server.listen(socket);
  await once(server, "listening");
  return server;
}

function orderOf({ pathname, searchParams }: URL): Written | undefined {
  const name = searchParams.get("name");
  if (pathname === "/open") return { kind: "open" };
  if (pathname === "/seal") return { kind: "seal" };
  if (pathname === "/mark" && name !== null) return { kind: "mark", name };
  return undefined;
}
