import http from "node:http";
import https from "node:https";
import { giveUpAfter } from "./silence.ts";

export interface Answer {
  status: number;
  /** Its beginning, where it is long. */
  text: string;
}

export const succeeded = ({ status }: Answer): boolean => status >= 200 && status < 300;

export interface Asking {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Until the whole answer is there; then it is given up with an error named TimeoutError. */
  milliseconds: number;
}

/** Characters of an answer; what is longer is not waited for. */
const LONGEST = 64 * 1024;

/** One request, on a connection of its own; no redirection is followed. Without fetch(), which costs 10 MB of memory. */
export function ask(url: string | URL, { milliseconds, body, ...how }: Asking): Promise<Answer> {
  const { request: send } = new URL(url).protocol === "https:" ? https : http;
  return new Promise((resolve, reject) => {
    const request = send(url, { ...how, agent: false }, (answer) => {
      let text = "";
      const done = () => resolve({ status: answer.statusCode ?? 0, text });
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
        if (text.length < LONGEST) return;
        done();
        request.destroy();
      });
      answer.on("error", reject);
      answer.on("end", done);
    });
    giveUpAfter(request, milliseconds);
    request.on("error", reject);
    request.end(body);
  });
}
