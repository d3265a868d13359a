/** Uploads of a site with state: served from the disk; what has only its name there is fetched first. */
import { decodedUrl } from "../site/config/static-files.ts";
import { checked, FILE, FOLDER, journal, URL_PREFIX, word } from "./nginx-words.ts";

export interface NginxMedia {
  url: string;
  folder: string;
  /** The keeper's: it fetches an upload, and answers with `X-Accel-Redirect` (agent/state/media/serve.ts). */
  socket: string;
}

/** Where that answer leads to; no visitor gets there by himself. */
const INTERNAL = "/.everspot-uploads/";
/** Seconds that fetching an upload may take. */
const FETCH = 120;

/** In `http`: an upload that a browser would run, as if the site itself had written it, runs without any right. */
export const mediaPolicy = `
    map $sent_http_content_type $upload_policy {
        default "";
        "~*^(text/html|text/xml|application/xhtml|application/xml|image/svg)" "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'";
    }
`;

/**
 * @param unless sends the request elsewhere while the site is not served from here, given the location for a connection
 * that is to be closed. @param always directive for every answer.
 */
export function mediaFiles(media: NginxMedia, unless: (closing: string) => string, always: string): string {
  const url = checked(decodedUrl(media.url) ?? "", URL_PREFIX, "URL prefix of uploads");
  const folder = checked(media.folder.replace(/\/+$/, ""), FOLDER, "folder of uploads");
  const socket = checked(media.socket, FILE, "path");
  const rest = `rewrite ${word(`^${url.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&")}(.*)$`)} /$1 break;`;
  const served = `# The app may have put links there, to what is not its own.
            disable_symlinks on ${word(`from=${folder}`)};
            log_not_found off;
            add_header X-Content-Type-Options nosniff;
            add_header Content-Security-Policy $upload_policy;
            ${always}`;
  // nginx may not read the file that stands for what is not here: that is no error worth a line each time.
  const fetched = `error_log ${journal("nginx")} crit;
            error_page 403 404 = @upload;`;
  return `        location ^~ ${word(url)} {
            ${unless("@closing-media")}
            alias ${word(`${folder}/`)};
            ${fetched}
            ${served}
        }
        location @closing-media {
            keepalive_timeout 0;
            ${rest}
            root ${word(folder)};
            ${fetched}
            ${served}
        }
        location @upload {
            ${rest}
            proxy_pass http://unix:${socket}:;
            proxy_pass_request_body off;
            proxy_pass_request_headers off;
            proxy_connect_timeout 5s;
            proxy_read_timeout ${FETCH}s;
            error_page 502 504 = @sorry;
        }
        location ^~ ${INTERNAL} {
            internal;
            alias ${word(`${folder}/`)};
            ${served}
        }
`;
}
