/** Where a request of the site goes: to static files, to the app, to the new owner, or to the 503 page. */
import { decodedUrl } from "../site/config/static-files.ts";
import { mediaFiles, type NginxMedia } from "./nginx-media.ts";
import { checked, FILE, FOLDER, URL_PREFIX, word } from "./nginx-words.ts";
import { sorryPage } from "./sorry-page.ts";
import { visitorClaims } from "./visitor-claims.ts";

export interface NginxApp {
  /** Socket of the app; may be a symlink, followed at each request. Visitors get a 503 page while it is dead. */
  socket: string;
  /** While `marker` exists, every request goes to `socket` instead, and the connection it came by is closed. */
  forwarding: { marker: string; socket: string };
  /** File. While it exists, every answer closes its connection: before a reload, which cuts idle ones off. */
  closing: string;
  /**
   * A link at `folder` itself is followed, none below it. What is not there, but has a hash of its content in its name,
   * is looked for in `before`, the folder of the release before, which need not exist; then the app is asked.
   */
  static: { url: string; folder: string; before: string } | undefined;
  media?: NginxMedia | undefined;
  /** Seconds the app may take for an answer. */
  timeout: number;
  /** Seconds for which a request may wait, on top of that, while the site passes to another instance. */
  hold?: number | undefined;
}

/** How long browsers may keep a static file with a hash of its content in its name: `$static_expires` says it. */
export const HASHED = "365d";
/** Seconds after which a visitor may ask again. */
const RETRY_AFTER = 15;

/** Values of the headers that tell the app who asked, and how. */
export const fromVisitor = { address: "$remote_addr", scheme: "$scheme", port: "$server_port" };
export const fromPeer = {
  address: "$http_x_forwarded_for",
  scheme: "$http_x_forwarded_proto",
  port: "$http_x_forwarded_port",
};

/** @param always directive for every answer: a location that adds a header of its own leaves out the server's. */
export function locations(site: NginxApp, from: typeof fromVisitor, always: string): string {
  const forward = checked(site.forwarding.socket, FILE, "path");
  const { timeout, hold = 0 } = site;
  const proxied = proxy(checked(site.socket, FILE, "path"), from, timeout + 5 + hold, hold);
  // 418 to 420 stand for nothing else here: answers of the app are never looked at.
  const unless = (closing: string): string => `error_page 418 = @forward;
            error_page 419 = ${closing};
            if (-e ${checked(site.forwarding.marker, FILE, "path")}) {
                return 418;
            }
            if (-e ${checked(site.closing, FILE, "path")}) {
                return 419;
            }`;
  return `${site.static === undefined ? "" : staticFiles(site.static, unless("@closing-static"), proxied, always)}
${site.media === undefined ? "" : mediaFiles(site.media, unless, always)}
        location / {
            ${unless("@closing")}
            ${proxied}
        }
        location @closing {
            keepalive_timeout 0;
            ${proxied}
        }
        location @forward {
            # Whoever comes back on a new connection comes to the new owner.
            keepalive_timeout 0;
            ${proxy(forward, from, timeout + 10 + hold, hold)}
        }
        location @sorry {
            default_type text/html;
            add_header Retry-After ${RETRY_AFTER} always;
            add_header Cache-Control "no-store" always;
            ${always}
            return 503 '${sorryPage}';
        }
`;
}

const proxy = (socket: string, from: typeof fromVisitor, seconds: number, hold: number): string =>
  `proxy_pass http://unix:${socket}:;
            proxy_http_version 1.1;
            proxy_set_header Connection "close";
            proxy_set_header Host $host;
            proxy_set_header X-Real-IP ${from.address};
            proxy_set_header X-Forwarded-For ${from.address};
            proxy_set_header X-Forwarded-Proto ${from.scheme};
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Forwarded-Port ${from.port};
            ${visitorClaims.map((name) => `proxy_set_header ${name} "";`).join("\n            ")}
            proxy_redirect off;
            proxy_connect_timeout 5s;
            proxy_send_timeout ${30 + hold}s;
            proxy_read_timeout ${seconds}s;
            error_page 502 = @sorry;`;

function staticFiles(
  files: NonNullable<NginxApp["static"]>,
  unless: string,
  proxied: string,
  always: string,
): string {
  const url = checked(decodedUrl(files.url) ?? "", URL_PREFIX, "URL prefix of static files");
  const [folder, before] = [files.folder, files.before].map((path) =>
    checked(path.replace(/\/+$/, ""), FOLDER, "folder of static files"),
  ) as [string, string];
  const served = (from: string, miss: string): string => `error_page 404 = ${miss};
            log_not_found off;
            # The app may have put links there, to what is not its own.
            disable_symlinks on ${word(`from=${from}`)};
            expires $static_expires;
            add_header X-Content-Type-Options nosniff;
            ${always}`;
  // A named location takes no alias.
  const below = (root: string): string =>
    `rewrite ${word(`^${url.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&")}(.*)$`)} /$1 break;
            root ${word(root)};`;
  const asked = proxied.replace(/:;/, ":$request_uri;");
  return `        location ^~ ${word(url)} {
            ${unless}
            alias ${word(`${folder}/`)};
            ${served(folder, "@before")}
        }
        location @before {
            # Pages that are open name it still.
            error_page 420 = @missed;
            if ($static_expires != ${HASHED}) {
                return 420;
            }
            ${below(before)}
            ${served(before, "@missed")}
        }
        location @missed {
            ${asked}
        }
        location @closing-static {
            keepalive_timeout 0;
            ${below(folder)}
            ${served(folder, "@closing-missed")}
        }
        location @closing-missed {
            keepalive_timeout 0;
            ${asked}
        }
`;
}
