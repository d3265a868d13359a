/** [app] static: what nginx serves itself. These values stand in its configuration. */
import * as z from "zod/mini";
import { type Complaint, notes, obeys, type Rule, text } from "./text.ts";

/** Bytes: a file system takes no longer name, and nginx's words have an end too. */
const MOST = 200;

const short: Rule = (value) =>
  Buffer.byteLength(value) > MOST ? { message: `must not be longer than ${MOST} bytes` } : undefined;

export const visible: Rule = (value) =>
  /\p{Cc}/u.test(value) ? { message: "must be one line without control characters" } : undefined;

/** The path that a request for this URL has for nginx, which decodes it; undefined when it cannot be decoded. */
export function decodedUrl(url: string): string | undefined {
  try {
    return decodeURIComponent(url);
  } catch {
    return undefined;
  }
}

function complainAboutUrl(url: string): Complaint | undefined {
  const hint = 'as Django\'s STATIC_URL: "/static/"';
  if (/^(https?:)?\/\//.test(url)) {
    return { message: "must be a path of the site", hint: "files that come from elsewhere need no static" };
  }
  if (!/^\/(?:[^/]+\/)+$/.test(url)) return { message: "must begin and end with a slash", hint };
  const path = decodedUrl(url);
  if (path === undefined) return { message: "has a % that encodes nothing", hint: "% itself is written %25" };
  const odd = /[?#\\]/.exec(url);
  if (odd) return { message: `${JSON.stringify(odd[0])} cannot stand in it`, hint };
  if (hasDots(path)) return { message: "must not have . or .. in it", hint };
  if (path.split("/").length !== url.split("/").length) return { message: "must not have %2F in it", hint };
  return ours(path) ?? visible(path);
}

/** nginx has places of that name for itself. */
export const ours: Rule = (path) =>
  path.startsWith("/.everspot-")
    ? { message: "begins with /.everspot-, which is everspot's own" }
    : undefined;

/** What people write for the same folder is the same: `./static/` and `static`. */
export const plainFolder = (folder: string): string =>
  folder.startsWith("/")
    ? folder
    : folder
        .split("/")
        .filter((part) => part !== "" && part !== ".")
        .join("/");

function complainAboutFolder(folder: string): Complaint | undefined {
  const hint = 'as the end of STATIC_ROOT: "staticfiles"';
  if (folder === "") {
    return { message: "would publish the whole project, with its source", hint: "name a folder inside it" };
  }
  if (folder.startsWith("/") || folder.split("/").includes("..")) {
    return { message: "must be a folder inside the project", hint };
  }
  if (folder.trim() !== folder) {
    return { message: "begins or ends with a blank", hint: `did you mean "${folder.trim()}"?` };
  }
  if (folder.includes("\\")) return { message: "has a \\ in it", hint: "folders are separated by /" };
  if (folder.includes("$")) return { message: "has a $ in it, which nginx cannot write", hint };
  const odd = /[":`]/.exec(folder);
  if (odd) return { message: `has a ${odd[0]} in it, which systemd 257 cannot mount`, hint };
  if (folder.split("/")[0] === ".everspot") {
    return { message: "belongs to everspot, which keeps a release's dependencies there", hint };
  }
  return undefined;
}

export const hasDots = (path: string): boolean =>
  path.split("/").some((part) => part === "." || part === "..");

export const staticFiles = {
  url: text(visible, short, complainAboutUrl).register(notes, {
    description: "The URL below which they are, as Django's `STATIC_URL`.",
  }),
  folder: z
    .string()
    .check(z.overwrite(plainFolder), obeys(visible, short, complainAboutFolder))
    .register(notes, { description: "The folder in the project, as the end of Django's `STATIC_ROOT`." }),
};

export interface StaticFiles {
  url: string;
  folder: string;
}
