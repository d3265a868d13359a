/** What rules ask of everspot.toml before anyone knows whether its values have the right types. Pure. */
import { decodedUrl, plainFolder } from "../../agent/site/config/static-files.ts";

/** nginx compares what visitors ask for once it has decoded it: "/st%61tic/" is "/static/". */
const plainUrl = (url: string): string => decodedUrl(url) ?? url;

export const isBelow = (path: string, url: string): boolean => plainUrl(path).startsWith(plainUrl(url));

export const isSame = (one: unknown, other: unknown): boolean =>
  typeof one === "string" && typeof other === "string" && plainUrl(one) === plainUrl(other);

export const isIn = (path: string, folder: string): boolean => `${path}/`.startsWith(`${folder}/`);

export const overlap = (one: string, other: string): boolean => isIn(one, other) || isIn(other, one);

export const holds = (folder: string, module: string): boolean => {
  const path = plainFolder(folder);
  return path !== "" && `${module.split(":")[0]?.replaceAll(".", "/")}.py`.startsWith(`${path}/`);
};

export const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((v): v is string => typeof v === "string") : [];

export const table = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
