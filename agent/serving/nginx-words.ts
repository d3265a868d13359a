/** What may stand in nginx's configuration, and how. */
import { EverspotError } from "../site/errors.ts";

export const FILE = /^\/[A-Za-z0-9._/-]+$/;
export const FOLDER = /^\/[^$\p{Cc}]+$/u;
export const URL_PATH = /^\/[^\p{Cc}]+$/u;
export const URL_PREFIX = /^\/([^/\p{Cc}]+\/)*$/u;

/** A log of nginx's, to journald: a line that does not fit into its queue is dropped, never waited for. */
export const journal = (tag: "nginx" | "access"): string =>
  `syslog:server=unix:/dev/log,nohostname,tag=${tag}`;

/** One word of nginx's configuration, in which a backslash stands for itself before all but quotes and backslashes. */
export const word = (value: string): string =>
  /^[\w./~-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;

/** In quotes, whatever it is. @throws EverspotError for what no header's value can be, or nginx cannot write. */
export function headerValue(value: string): string {
  if (!/^[ -#%-~]+$/.test(value)) throw refusal(value, "header");
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** @throws EverspotError for a value that cannot stand in the file: nginx has no way to quote `$`. */
export function checked(value: string, valid: RegExp, what: string): string {
  if (valid.test(value) && !value.split("/").includes("..")) return value;
  throw refusal(value, what);
}

const refusal = (value: string, what: string): EverspotError =>
  new EverspotError(`${JSON.stringify(value)} cannot be used as a ${what} in nginx's configuration`, {
    hint: "correct it in everspot.toml",
  });
