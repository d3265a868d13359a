import { constants } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";
import http from "node:http";
import { messageOf } from "../site/errors.ts";
import { giveUpAfter } from "../system/silence.ts";

/** The app's socket, a link of root's that leads to it, or an address. */
export type Where = string | { link: string } | { host: string; port: number };

export interface Reply {
  status: number;
  location: string | undefined;
  /** Content-Type. */
  type: string;
  /** The beginning of the answer's body. */
  text: string;
}

/** Why there is no reply, for a person. `listens: false`: there is no socket to ask. */
export interface NoReply {
  seen: string;
  listens?: false;
}

/** open(2): only the place of a file; a socket has nothing to open. Not among Node's constants. */
const O_PATH = 0x200000;

export interface Question {
  path: string;
  /** The site's name. */
  host: string;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
  /** Bytes of the body that are kept; none if not given, and then the reply is there with its header. */
  keep?: number;
}

/**
 * Asks the app itself, over its socket or an address, the way nginx will: with the site's name and as HTTPS, so that neither
 * ALLOWED_HOSTS nor a redirect to HTTPS stands in the way. Never throws.
 *
 * The app may put anything in its socket's place: a link there, which could lead to a socket that obeys root, is not
 * followed.
 */
export async function askApp(where: Where, question: Question): Promise<Reply | NoReply> {
  if (typeof where === "object" && "host" in where) return ask(where, question);
  let held: FileHandle | undefined;
  try {
    const socket = typeof where === "string" ? where : await readlink(where.link);
    held = await open(socket, O_PATH | constants.O_NOFOLLOW);
    if (!(await held.stat()).isSocket()) return { seen: `${socket} is not a socket` };
    return await ask({ socketPath: `/proc/self/fd/${held.fd}` }, question);
  } catch (error) {
    const none = (error as NodeJS.ErrnoException).code === "ENOENT";
    return { seen: messageOf(error), ...(none ? { listens: false } : {}) };
  } finally {
    await held?.close();
  }
}

function ask(
  where: { socketPath: string } | { host: string; port: number },
  { path, host, timeoutMs, signal, keep }: Question,
): Promise<Reply | NoReply> {
  return new Promise((resolve) => {
    const request = http.get(
      {
        ...where,
        path,
        agent: false,
        headers: {
          host,
          "x-forwarded-proto": "https",
          "x-forwarded-for": "127.0.0.1",
          "user-agent": "everspot",
        },
        signal,
      },
      (answer) => {
        const { location, "content-type": type = "" } = answer.headers;
        const chunks: Buffer[] = [];
        let bytes = 0;
        const done = (): void => {
          const text = Buffer.concat(chunks).toString("utf8", 0, keep);
          resolve({ status: answer.statusCode ?? 0, location, type, text });
        };
        if (keep === undefined) {
          answer.resume();
          return done();
        }
        answer.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes < keep) return;
          done();
          request.destroy();
        });
        answer.on("end", done);
      },
    );
    giveUpAfter(request, timeoutMs);
    request.on("error", (error) =>
      resolve({
        seen: error.name === "AbortError" || error.name === "TimeoutError" ? "no answer" : error.message,
      }),
    );
  });
}
