/** Where a request of the site goes: to static files, to the app, to the new owner, or to a 503 page. */
import { decodedUrl } from "../site/config/static-files.ts";
import { mediaFiles, type NginxMedia } from "./nginx-media.ts";
import { type From, proxy, SILENT } from "./nginx-proxy.ts";
import { missedFiles, type NginxStatic, staticFiles } from "./nginx-static.ts";
import { checked, FILE, journal, URL_PATH, word } from "./nginx-words.ts";
import { sorryPage } from "./sorry-page.ts";

export interface NginxApp {
  /** Socket of the app; may be a symlink, followed at each request. Visitors get a 503 page while it is dead. */
  socket: string;
  /** While `marker` exists, every request goes to `socket` instead, and the connection it came by is closed. */
  forwarding: { marker: string; socket: string };
  /** File. While it exists, every answer closes its connection: before a reload, which cuts idle ones off. */
  closing: string;
  /** While `marker` exists, whoever has no file by its address in the folder `allowed` gets `page` with 503. */
  maintenance: { marker: string; page: string; allowed: string };
  static: readonly NginxStatic[];
  media?: NginxMedia | undefined;
  /** Seconds the app may take for an answer. */
  timeout: number;
  /** What holds below some paths instead: seconds, and megabytes of a request's body. */
  paths: readonly { path: string; timeout?: number | undefined; maxBody?: number | undefined }[];
  /** Whether the app speaks ASGI, and so answers WebSockets and sends events. */
  live: boolean;
  /** Seconds for which a request may wait, on top of that, while the site passes to another instance. */
  hold?: number | undefined;
}

/** Seconds after which a visitor may ask again: while the app starts, and during maintenance. */
const RETRY_AFTER = 15;
const MAINTENANCE_RETRY_AFTER = 300;
/** No visitor gets there by himself. */
const MAINTENANCE_PAGE = "/.everspot-maintenance";

/**
 * @param always directives for every answer: a location that adds a header of its own leaves out the server's.
 * @param own whose requests maintenance never concerns: the value of `from.address` for this machine's own.
 */
export function locations(
  site: NginxApp,
  { from, always, own }: { from: From; always: string; own: string },
): string {
  const { timeout, hold = 0, live, maintenance } = site;
  const socket = checked(site.socket, FILE, "path");
  const forward = checked(site.forwarding.socket, FILE, "path");
  // 417 to 420 and 422 stand for nothing else here: answers of the app are never looked at.
  const unless = (closing: string, forwarded = "@forward"): string =>
    `error_page 417 =503 ${MAINTENANCE_PAGE};
            error_page 418 = ${forwarded};
            error_page 419 = ${closing};${live ? "\n            error_page 422 = @live;" : ""}
            if ($in_maintenance) {
                return 417;
            }
            if (-e ${checked(site.forwarding.marker, FILE, "path")}) {
                return 418;
            }${live ? ifLive : ""}
            if (-e ${checked(site.closing, FILE, "path")}) {
                return 419;
            }`;
  const appAt = (where: string, name: string, seconds: number, maxBody?: number): string => {
    const limit = maxBody === undefined ? "" : `client_max_body_size ${maxBody}m;\n            `;
    const proxied = limit + proxy({ socket, from, seconds: seconds + 5 + hold, hold });
    return `        location ${where} {
            ${unless(`@closing${name}`, `@forward${name}`)}
            ${proxied}
        }
        location @closing${name} {
            keepalive_timeout 0;
            ${proxied}
        }
        location @forward${name} {
            # Whoever comes back on a new connection comes to the new owner.
            keepalive_timeout 0;${live ? `\n            error_page 422 = @forward-live;${ifLive}` : ""}
            ${limit}${proxy({ socket: forward, from, seconds: seconds + 10 + hold, hold })}
        }
`;
  };
  const general = proxy({ socket, from, seconds: timeout + 5 + hold, hold });
  const around = { unless, proxied: general, always, nosniff: /X-Content-Type-Options/i.test(always) };
  return `        set $in_maintenance "";
        if (-e ${checked(maintenance.marker, FILE, "path")}) {
            set $in_maintenance 1;
        }
        if (-e ${checked(maintenance.allowed, FILE, "path")}/${from.address}) {
            set $in_maintenance "";
        }
        if (${from.address} = ${own}) {
            set $in_maintenance "";
        }
${site.static.map((files, n) => staticFiles(files, n, around)).join("")}${site.static.length === 0 ? "" : missedFiles(around)}${site.media === undefined ? "" : mediaFiles(site.media, unless, always)}
${appAt("/", "", timeout)}${site.paths.map((limits, n) => appAt(pathOf(limits.path), `-${n}`, limits.timeout ?? timeout, limits.maxBody)).join("")}${live ? liveLocations({ socket, forward, from, hold }) : ""}        location @sorry {
            default_type text/html;
            add_header Retry-After ${RETRY_AFTER} always;
            add_header Cache-Control "no-store" always;
            ${always}
            return 503 '${sorryPage}';
        }
        location = ${MAINTENANCE_PAGE} {
            internal;
            default_type text/html;
            alias ${checked(maintenance.page, FILE, "path")};
            types { }
            # No error of the site's: it is counted as none.
            access_log ${journal("access")} combined;
            add_header Retry-After ${MAINTENANCE_RETRY_AFTER} always;
            add_header Cache-Control "no-store" always;
            ${always}
        }
`;
}

const ifLive = `
            if ($is_live) {
                return 422;
            }`;

const pathOf = (path: string): string => word(checked(decodedUrl(path) ?? "", URL_PATH, "path"));

/** Connections that stay; a limit below is no limit of theirs. */
const liveLocations = ({
  socket,
  forward,
  from,
  hold,
}: {
  socket: string;
  forward: string;
  from: From;
  hold: number;
}): string => `        location @live {
            ${proxy({ socket, from, seconds: SILENT, hold, live: true })}
        }
        location @forward-live {
            ${proxy({ socket: forward, from, seconds: SILENT, hold, live: true })}
        }
`;
