import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";

/** In the folder of the app's socket: what a worker says, by its process id. */
export const FACTS_OF = "worker-%d.json";

/**
 * What a worker says of its Django (gunicorn-config.ts). The app could say anything here; it would only deceive its
 * owner.
 */
const facts = z.object({
  debug: z.optional(z.boolean()),
  /** Differs from those of other keys within one start, and is of no use for anything else. */
  key: z.optional(z.string()),
  /** The key is one that startproject wrote, which says so itself. */
  insecure: z.optional(z.boolean()),
  /** A file of the release in which the key stands. */
  source: z.optional(z.nullable(z.string().check(z.maxLength(500)))),
  /** DJANGO_SETTINGS_MODULE in its environment, which the module of the WSGI application may have set. */
  settings: z.optional(z.nullable(z.string().check(z.regex(/^[A-Za-z_][\w.]{0,200}$/)))),
});
export type WorkerFacts = z.infer<typeof facts>;

const MAX_BYTES = 4096;
const MAX_FILES = 64;

/** What the workers have said so far. Never throws. */
export async function readFacts(folder: string): Promise<WorkerFacts[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => /^worker-\d+\.json$/.test(name)).slice(0, MAX_FILES);
  const read = await Promise.all(files.map((name) => readOne(join(folder, name))));
  return read.filter((one) => one !== undefined);
}

/** The app may have put a link there, or a pipe that never ends. */
async function readOne(file: string): Promise<WorkerFacts | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch(() => undefined);
  try {
    if (handle === undefined || !(await handle.stat()).isFile()) return undefined;
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
    return facts.parse(JSON.parse(buffer.toString("utf8", 0, bytesRead)));
  } catch {
    return undefined;
  } finally {
    await handle?.close();
  }
}

/** What visitors would pay for: one sentence each. Pure. */
export function judgeFacts(all: readonly WorkerFacts[]): string[] {
  const found: string[] = [];
  if (all.some((f) => f.debug === true)) {
    found.push("DEBUG is on: each error shows visitors source and settings; set DEBUG to False");
  }
  if (new Set(all.flatMap((f) => f.key ?? [])).size > 1) {
    found.push(
      "SECRET_KEY differs from worker to worker: whoever logs in is logged out by the next request that another worker answers; set one with `everspot secret set SECRET_KEY`, and read it from the environment",
    );
  }
  const source = all.find((f) => typeof f.source === "string")?.source;
  if (all.some((f) => f.insecure === true) || typeof source === "string") {
    const where = typeof source === "string" ? `stands in ${source}` : "is one that startproject wrote";
    found.push(
      `SECRET_KEY ${where}: whoever has read the source can log in as anybody; set another with \`everspot secret set SECRET_KEY\`, and read it from the environment`,
    );
  }
  return found;
}
