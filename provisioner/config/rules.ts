import { archOfType } from "../../agent/site/config/fleet.ts";
import { plainFolder } from "../../agent/site/config/static-files.ts";
import { bucketName } from "../../agent/site/names.ts";
import type { Finding } from "./findings.ts";
import { holds, isBelow, isSame, overlap, strings, table } from "./raw.ts";
import { stateFindings } from "./state-rules.ts";

/** Longest bucket name S3 takes, and the digits of an account id. */
const BUCKET_LIMIT = 63;
const ACCOUNT = "000000000000";

/**
 * What the schema cannot say because it is about two keys at once. Takes the raw table, so that these are found
 * together with what the schema finds; anything of the wrong type is left to the schema.
 */
export function crossFindings(raw: Record<string, unknown>): Finding[] {
  return [
    ...lengthFindings(raw),
    ...nameFindings(raw),
    ...applicationFindings(raw.app),
    ...redirectFindings(raw),
    ...staticFindings(table(raw.app)),
    ...pathFindings(table(raw.app)),
    ...stateFindings(table(raw.state), table(raw.app)),
    ...fleetFindings(raw),
    ...certificateFindings(raw),
    ...noticeFindings(raw),
  ];
}

function lengthFindings(raw: Record<string, unknown>): Finding[] {
  if (typeof raw.site !== "string" || typeof raw.region !== "string") return [];
  const { site } = raw;
  const over = bucketName(site, ACCOUNT, raw.region).length - BUCKET_LIMIT;
  if (over <= 0) return [];
  const message = `${JSON.stringify(site)} is ${over} characters too long for the name of its bucket in ${raw.region}`;
  return [{ path: ["site"], message, hint: `use at most ${site.length - over} characters` }];
}

function nameFindings(raw: Record<string, unknown>): Finding[] {
  const aliases = strings(raw.aliases);
  return aliases.flatMap((alias, i): Finding[] => {
    if (alias === raw.domain) return [{ path: ["aliases", i], message: `"${alias}" is the domain itself` }];
    if (aliases.indexOf(alias) < i) return [{ path: ["aliases", i], message: `"${alias}" is there twice` }];
    return [];
  });
}

function fleetFindings(raw: Record<string, unknown>): Finding[] {
  const fleet = table(raw.fleet);
  const types = strings(fleet.types);
  const arch = fleet.arch ?? (types[0] === undefined ? undefined : archOfType(types[0]));
  return types.flatMap((type, i): Finding[] => {
    if (types.indexOf(type) < i)
      return [{ path: ["fleet", "types", i], message: `"${type}" is there twice` }];
    if (archOfType(type) === arch || (arch !== "x86_64" && arch !== "arm64")) return [];
    const message = `"${type}" is ${archOfType(type)}, the fleet is ${String(arch)}`;
    return [
      {
        path: ["fleet", "types", i],
        message,
        hint: "one image runs them all: use types of one architecture",
      },
    ];
  });
}

function certificateFindings(raw: Record<string, unknown>): Finding[] {
  const certificate = table(raw.certificate);
  if (certificate.wildcard === true && certificate.source === "acm") {
    const hint = "ACM charges many times as much for a wildcard; name each host in aliases";
    return [{ path: ["certificate", "wildcard"], message: 'is not available with source = "acm"', hint }];
  }
  if (certificate.arn !== undefined && certificate.source !== "acm") {
    return [
      { path: ["certificate", "arn"], message: "is of no use here", hint: 'it belongs to source = "acm"' },
    ];
  }
  return [];
}

function noticeFindings(raw: Record<string, unknown>): Finding[] {
  const { url, email } = table(raw.notify);
  const unaddressed = raw.notify !== undefined && url === undefined && email === undefined;
  const unread = raw.budget !== undefined && table(raw.budget).email === undefined && email === undefined;
  return [
    ...(unaddressed
      ? [
          {
            path: ["notify"],
            message: "tells no one",
            hint: 'set email = "ann@example.com", or url to a webhook',
          },
        ]
      : []),
    ...(unread
      ? [
          {
            path: ["budget"],
            message: "is mailed to no one",
            hint: 'set email = "ann@example.com" here or in [notify]',
          },
        ]
      : []),
  ];
}

/** One of both runs. */
function applicationFindings(raw: unknown): Finding[] {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return [];
  const app = table(raw);
  if (app.wsgi !== undefined && app.asgi !== undefined) {
    const hint = "uvicorn runs only asgi, which serves all of the site's pages; leave wsgi out";
    return [{ path: ["app", "asgi"], message: "and wsgi are both there", hint }];
  }
  if (app.wsgi !== undefined || app.asgi !== undefined) return [];
  const hint = 'where the application is: wsgi = "mysite.wsgi:application"';
  return [{ path: ["app", "wsgi"], message: "is missing", hint }];
}

function redirectFindings(raw: Record<string, unknown>): Finding[] {
  const to = table(raw.app).redirect_to;
  if (typeof to !== "string" || typeof raw.domain !== "string") return [];
  if (to === raw.domain || strings(raw.aliases).includes(to)) return [];
  const hint = `add it to aliases, so that it has a record and a certificate: aliases = ["${to}"]`;
  return [{ path: ["app", "redirect_to"], message: `"${to}" is not a name of the site`, hint }];
}

/** Everyone can see what nginx hands out, and a path that it serves never reaches the app. */
function staticFindings(app: Record<string, unknown>): Finding[] {
  const many = Array.isArray(app.static);
  const all = (many ? (app.static as unknown[]) : [app.static]).map(table);
  const modules = strings([app.wsgi, app.asgi, table(app.env).DJANGO_SETTINGS_MODULE]);
  return all.flatMap(({ url, folder }, i): Finding[] => {
    const path = ["app", "static", ...(many ? [i] : [])];
    const before = all.slice(0, i);
    const findings: Finding[] = [];
    if (typeof url === "string" && typeof app.health === "string" && isBelow(app.health, url)) {
      const message = `is below ${url}, where nginx answers instead of the app`;
      findings.push({ path: ["app", "health"], message });
    }
    const source = typeof folder === "string" && modules.find((module) => holds(folder, module));
    if (source) {
      const hint = "name a folder that holds only static files";
      const message = `would publish the source of ${source.split(":")[0]}`;
      findings.push({ path: [...path, "folder"], message, hint });
    }
    if (typeof url === "string" && before.some((other) => isSame(other.url, url))) {
      findings.push({ path: [...path, "url"], message: `"${url}" is there twice` });
    }
    const within = before.find(
      (other) =>
        typeof folder === "string" &&
        typeof other.folder === "string" &&
        overlap(plainFolder(folder), plainFolder(other.folder)),
    );
    if (within !== undefined) {
      const message = `and "${String(within.folder)}" are in one another`;
      findings.push({ path: [...path, "folder"], message, hint: "give each a folder of its own" });
    }
    return findings;
  });
}

/** nginx takes the longest that fits, whatever it is for. */
function pathFindings(app: Record<string, unknown>): Finding[] {
  const served = strings(
    (Array.isArray(app.static) ? app.static : [app.static]).map((one) => table(one).url),
  );
  const known = Object.keys(table(app.paths));
  return known.flatMap((path, i): Finding[] => {
    const url = served.find((one) => isBelow(path, one));
    const at = ["app", "paths", path];
    const twice = known.slice(0, i).find((other) => isSame(other, path));
    if (twice !== undefined) return [{ path: at, message: `is the same path as "${twice}"` }];
    if (url === undefined) return [];
    return [{ path: at, message: `is below ${url}, where nginx answers instead of the app` }];
  });
}
