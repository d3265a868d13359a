/** Which static files nginx is to serve, and from where. Pure. */
import type { Facts } from "../project/facts.ts";

export interface Served {
  url: string;
  folder: string;
  /** Whether STATIC_ROOT must be set to it. */
  set: boolean;
  /** Whether the release has them already, collected. */
  collected: boolean;
}

const FOLDER = "staticfiles";

export function staticOf(facts: Facts | undefined, files: ReadonlySet<string>): Served | undefined {
  if (facts === undefined || !facts.apps.includes("django.contrib.staticfiles")) return undefined;
  const said = facts.staticUrl ?? "static/";
  if (/^(https?:)?\/\//.test(said)) return undefined;
  const url = `/${said}/`.replaceAll(/\/+/g, "/");
  if (url === "/") return undefined;
  const root = facts.staticRoot;
  const inside =
    root != null &&
    root !== "" &&
    root !== "." &&
    !root.startsWith("/") &&
    !root.startsWith("$") &&
    !root.startsWith("..");
  const collected = inside && files.has(`${root}/staticfiles.json`);
  // What nginx serves everyone can read.
  const sources = inside && [...files].some((f) => f.startsWith(`${root}/`) && f.endsWith(".py"));
  if (inside && (collected || !sources)) return { url, folder: root, set: false, collected };
  return { url, folder: FOLDER, set: true, collected: false };
}
