/** The receiver of a site's notices: HTTPS on loopback, by a certificate that the instances trust. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:https";
import path from "node:path";
import type { Rehearsal } from "./rehearsal.ts";

/** A port of the sandbox's own network. */
const PORT = 8443;
export const RECEIVER_URL = `https://127.0.0.1:${PORT}/hook`;

export interface Received {
  at: number;
  event: string;
  text: string;
  /** Carries the signature that the secret makes of its time and body. */
  signed: boolean;
}

export interface Receiver {
  readonly received: readonly Received[];
  /** Whether it answers what is sent to it from now on. */
  answer(whether: boolean): void;
  close(): Promise<void>;
}

/** @param secret what the site signs with. */
export async function startReceiver(rehearsal: Rehearsal, secret: string): Promise<Receiver> {
  // Pebble's own, which is good for 127.0.0.1.
  const file = (name: string) => readFile(path.join(path.dirname(rehearsal.cloud.rootFile), name));
  const [key, cert] = await Promise.all([file("listen.key"), file("listen.pem")]);
  const received: Received[] = [];
  let holding = false;
  const server = createServer({ key, cert }, async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    const { event, text } = JSON.parse(body) as { event: string; text: string };
    const time = request.headers["x-everspot-timestamp"];
    const mac = createHmac("sha256", secret).update(`v0:${time}:${body}`).digest("hex");
    const signed = request.headers["x-everspot-signature"] === `v0=${mac}`;
    received.push({ at: Date.now(), event, text, signed });
    if (!holding) response.end("ok");
  });
  server.listen(PORT, "127.0.0.1");
  await once(server, "listening");
  return {
    received,
    answer: (whether) => {
      holding = !whether;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
