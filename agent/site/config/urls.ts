import type { Complaint, Rule } from "./text.ts";

/** RFC 3986, of a path and a query; a % only as the begin of an encoded byte. */
const PATH = /^\/(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*$/;
const URL_TEXT = /^https:\/\/(?:[\w.~!$&'()*+,;=:@/?[\]-]|%[0-9A-Fa-f]{2})+$/;
/** Bytes of a request's first line that every server takes. */
const MOST = 1000;

/** Undefined when an HTTP request for this path can be made, and comes to the app as it is written here. */
export function complainAboutHealth(path: string): Complaint | undefined {
  if (!path.startsWith("/")) {
    return { message: "must be a path beginning with a slash", hint: 'like "/healthz"' };
  }
  if (path.length > MOST) return { message: `must not be longer than ${MOST} characters` };
  const asked = asRequested(path);
  if (PATH.test(path) && asked === path) return undefined;
  const hint = asked !== undefined && PATH.test(asked) ? `did you mean "${asked}"?` : 'like "/healthz"';
  return { message: "cannot be asked for as it is written", hint };
}

/** What a browser would ask for: encoded, without . and .., without a fragment. */
function asRequested(path: string): string | undefined {
  const url = `https://example.com${path}`;
  if (!URL.canParse(url)) return undefined;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

export const httpsUrl: Rule = (value) => {
  const hint = 'like "https://example.com/path"';
  if (!URL.canParse(value) || new URL(value).protocol !== "https:") {
    return { message: "not an https:// URL", hint };
  }
  const { href, username, password, hash } = new URL(value);
  if (username !== "" || password !== "") {
    return { message: "must not have a user or password in it", hint: "this file is no place for secrets" };
  }
  if (hash !== "") return { message: "must not have a # in it" };
  if (URL_TEXT.test(value)) return undefined;
  const meant = URL_TEXT.test(href) ? `did you mean "${href}"?` : hint;
  return { message: "has characters that cannot stand in a URL", hint: meant };
};

/** certbot keeps it in a file of its own, where other characters mean something. */
export const directoryUrl: Rule = (value) =>
  httpsUrl(value) ??
  (/^[\w.~:/?&=[\]-]+$/.test(value)
    ? undefined
    : { message: "not the URL of an ACME directory", hint: 'like "https://acme.example.com/directory"' });
