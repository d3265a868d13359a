/** [app.paths]: what holds below one path of the site alone. */
import * as z from "zod/mini";
import { decodedUrl, hasDots, ours, visible } from "./static-files.ts";
import { notes, type Rule } from "./text.ts";

/** Bytes. */
const MOST = 200;

/** A path as it is asked for; nginx compares it decoded, with the beginning of what a visitor asks for. */
export const appPath: Rule = (url) => {
  const hint = 'like "/upload/"';
  if (!url.startsWith("/") || url.includes("//")) return { message: "must be a path of the site", hint };
  if (url === "/") return { message: "is every path", hint: "write max_body and timeout into [app] itself" };
  if (Buffer.byteLength(url) > MOST) return { message: `must not be longer than ${MOST} bytes` };
  const path = decodedUrl(url);
  if (path === undefined) return { message: "has a % that encodes nothing", hint: "% itself is written %25" };
  const odd = /[?#\\]/.exec(url);
  if (odd) return { message: `${JSON.stringify(odd[0])} cannot stand in it`, hint };
  if (hasDots(path)) return { message: "must not have . or .. in it", hint };
  if (path.includes("//")) return { message: "must not have %2F beside a slash", hint };
  return ours(path) ?? visible(path);
};

export const pathLimits = {
  max_body: z.optional(z.int().check(z.minimum(1), z.maximum(2048))).register(notes, {
    description: "Megabytes that one request may carry.",
  }),
  timeout: z.optional(z.int().check(z.minimum(1), z.maximum(3600))).register(notes, {
    description: "Seconds one request may take.",
  }),
};

export interface PathLimits {
  max_body?: number | undefined;
  timeout?: number | undefined;
}
