import { isInAppFolder, keptName } from "../../agent/site/config/state.ts";
import { plainFolder } from "../../agent/site/config/static-files.ts";
import type { Finding } from "./findings.ts";
import { holds, isBelow, isIn, overlap, strings, table } from "./raw.ts";

/** What is kept is no part of a release, so nothing of one may lie in it; and each has a place of its own. */
export function stateFindings(state: Record<string, unknown>, app: Record<string, unknown>): Finding[] {
  const databases = strings(Array.isArray(state.database) ? state.database : [state.database]);
  const names = databases.map((database) => plainFolder(keptName(database)));
  const media = typeof state.media === "string" ? plainFolder(keptName(state.media)) : undefined;
  const fixed = (Array.isArray(app.static) ? app.static : [app.static]).map(table);
  const folders = strings(fixed.map((one) => one.folder)).map(plainFolder);
  const findings = names.flatMap((name, i): Finding[] => {
    const path = ["state", "database", ...(Array.isArray(state.database) ? [i] : [])];
    if (names.indexOf(name) < i) return [{ path, message: `"${name}" is there twice` }];
    if (names.some((other) => name.startsWith(`${other}/`))) {
      return [{ path, message: `"${name}" is inside another database` }];
    }
    const hint = "keep it in another folder";
    if (media !== undefined && isIn(name, media)) {
      return [{ path, message: `"${name}" is in the folder of uploads, which everybody can fetch`, hint }];
    }
    const inRelease = !isInAppFolder(databases[i] ?? "");
    return inRelease && folders.some((folder) => isIn(name, folder))
      ? [{ path, message: `"${name}" is in a folder of [app] static, which everybody can fetch`, hint }]
      : [];
  });
  if (media === undefined) return findings;
  const modules = strings([app.wsgi, app.asgi, table(app.env).DJANGO_SETTINGS_MODULE]);
  const source = modules.find((module) => holds(media, module));
  if (source) {
    const message = `holds the source of ${source.split(":")[0]}`;
    findings.push({ path: ["state", "media"], message, hint: "name a folder that holds only uploads" });
  }
  if (names.some((name) => isIn(media, name))) {
    findings.push({ path: ["state", "media"], message: `"${media}" is inside a database` });
  }
  if (folders.some((folder) => overlap(folder, media))) {
    const message = `and [app] static are in one folder: "${media}"`;
    findings.push({ path: ["state", "media"], message, hint: "give each a folder of its own" });
  }
  const url = typeof state.media_url === "string" ? state.media_url : "/media/";
  const below = strings(fixed.map((one) => one.url)).find((one) => isBelow(url, one) || isBelow(one, url));
  if (below !== undefined) {
    const message = `and the url of [app] static are below one another: ${url} and ${below}`;
    findings.push({ path: ["state", "media_url"], message });
  }
  for (const path of Object.keys(table(app.paths)).filter((one) => isBelow(one, url))) {
    const message = `is below ${url}, where nginx answers instead of the app`;
    findings.push({ path: ["app", "paths", path], message });
  }
  if (typeof app.health === "string" && isBelow(app.health, url)) {
    const message = `is below ${url}, where nginx answers instead of the app`;
    findings.push({ path: ["app", "health"], message });
  }
  return findings;
}
