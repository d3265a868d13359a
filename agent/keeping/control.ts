import http from "node:http";
import * as z from "zod/mini";
import type { StateStatus } from "../ports/state.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { Fenced } from "../site/state/errors.ts";
import { giveUpAfter } from "../system/silence.ts";

const status = z.looseObject({
  state: z.enum(["starting", "shipping", "sealed", "fenced"]),
  epoch: z.int(),
  seq: z.int(),
  behind: z.int(),
});
const done = z.object({ seq: z.int() });
const refused = z.object({ epoch: z.int() });

/** Seconds that an entry may take. While S3 does not answer, the shipper goes on trying. */
const ORDER_SECONDS = 30;
const STATUS_SECONDS = 5;

/** Undefined when nothing answers there. @param socket of agent/state/control.ts. */
export async function askStatus(socket: string): Promise<StateStatus | undefined> {
  const answer = await request(socket, "GET", "/status", STATUS_SECONDS).catch(() => undefined);
  const parsed = z.safeParse(status, answer?.body);
  return parsed.success ? (parsed.data as StateStatus) : undefined;
}

/** Has an entry written. @returns its number. @throws Fenced; EverspotError */
export async function order(socket: string, what: string, epoch: number): Promise<number> {
  const answer = await request(socket, "POST", what, ORDER_SECONDS).catch((cause: unknown) => {
    throw new EverspotError(`the site's state does not answer: ${messageOf(cause)}`, {
      retry: "retry",
      cause,
    });
  });
  if (answer.status === 200) return z.parse(done, answer.body).seq;
  const later = z.safeParse(refused, answer.body);
  if (answer.status === 409) throw new Fenced(later.success ? later.data.epoch : epoch + 1);
  const { error } = answer.body as { error?: string };
  throw new EverspotError(`the site's state: ${error ?? `HTTP ${answer.status}`}`, { retry: "retry" });
}

function request(
  socketPath: string,
  method: string,
  path: string,
  seconds: number,
): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const asked = http.request({ socketPath, method, path, agent: false }, (answer) => {
      let text = "";
      answer.on("data", (part: Buffer) => {
        text += part.toString();
      });
      answer.on("error", reject);
      answer.on("end", () => {
        try {
          resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) });
        } catch (error) {
          reject(error);
        }
      });
    });
    giveUpAfter(asked, seconds * 1000);
    asked.on("error", reject);
    asked.end();
  });
}
