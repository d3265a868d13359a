/** The processes of a site's state outside of systemd: started as their units have them, asked over sockets, ended. */
import type { ChildProcess } from "node:child_process";
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";

const units = path.resolve(import.meta.dirname, "../../user-data/units");

export interface Answer {
  status: number;
  body: string;
}

/** @throws when no whole answer comes. */
export const askOver = (
  to: { socketPath: string; agent: http.Agent | false },
  method: string,
  url: string,
  body?: string | Buffer,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = http.request({ ...to, method, path: url }, (response) => {
      let text = "";
      response.on("data", (bytes) => {
        text += bytes;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });

/** What a unit starts the state's process with: it needs less memory so. */
export async function asItsUnit(name: string): Promise<{ flags: string[]; env: Record<string, string> }> {
  const text = await readFile(path.join(units, name), "utf8");
  const shared = await readFile(path.join(units, "site-.service.d/sandbox.conf"), "utf8");
  const set = [...`${text}\n${shared}`.matchAll(/(MALLOC_\w+)=(\d+)/g)];
  return {
    flags: [...(/^ExecStart=.*/m.exec(text)?.[0] ?? "").matchAll(/ (--\S+)/g)].map(([, flag = ""]) => flag),
    env: Object.fromEntries(set.map(([, name = "", value = ""]) => [name, value])),
  };
}

/** Signals a process and all that it started; one that has ended hears nothing. */
export function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // They have ended.
  }
}
