/** Static files, which nginx serves itself; for what is not there it asks the app. */
import { decodedUrl } from "../site/config/static-files.ts";
import { checked, FOLDER, URL_PREFIX, word } from "./nginx-words.ts";

export interface NginxStatic {
  url: string;
  /** A link at it is followed, none below it. */
  folder: string;
  /** The folder of the release before, which need not exist: for what is not in `folder`, but has a hash in its name. */
  before: string;
}

/** How long browsers may keep a static file with a hash of its content in its name: `$static_expires` says it. */
export const HASHED = "365d";

export interface Around {
  /** Sends a request elsewhere while it is not to be answered here, given the name of the location for closing. */
  unless(closing: string): string;
  /** Directives that pass a request on to the app. */
  proxied: string;
  /** For every answer: a location that adds a header of its own leaves out the server's. */
  always: string;
  /** Whether `always` says it. */
  nosniff: boolean;
}

/** @param n its number among the folders: no two locations have one name. */
export function staticFiles(files: NginxStatic, n: number, { unless, always, nosniff }: Around): string {
  const url = checked(decodedUrl(files.url) ?? "", URL_PREFIX, "URL prefix of static files");
  const [folder, before] = [files.folder, files.before].map((path) =>
    checked(path.replace(/\/+$/, ""), FOLDER, "folder of static files"),
  ) as [string, string];
  const served = (from: string, miss: string): string => `error_page 404 = ${miss};
            log_not_found off;
            # The app may have put links there, to what is not its own.
            disable_symlinks on ${word(`from=${from}`)};
            expires $static_expires;
            ${nosniff ? "" : "add_header X-Content-Type-Options nosniff;"}
            ${always}`;
  // A named location takes no alias.
  const below = (root: string): string =>
    `rewrite ${word(`^${url.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&")}(.*)$`)} /$1 break;
            root ${word(root)};`;
  const [here, earlier] = [`@closing-static${nth(n)}`, `@before${nth(n)}`];
  return `        location ^~ ${word(url)} {
            ${unless(here)}
            alias ${word(`${folder}/`)};
            ${served(folder, earlier)}
        }
        location ${earlier} {
            # Pages that are open name it still.
            error_page 420 = @missed;
            if ($static_expires != ${HASHED}) {
                return 420;
            }
            ${below(before)}
            ${served(before, "@missed")}
        }
        location ${here} {
            keepalive_timeout 0;
            ${below(folder)}
            ${served(folder, "@closing-missed")}
        }
`;
}

/** Where the app is asked for a static file that is not there, by the URL that it was asked for by. */
export function missedFiles({ proxied }: Pick<Around, "proxied">): string {
  const asked = proxied.replace(/:;/, ":$request_uri;");
  return `        location @missed {
            ${asked}
        }
        location @closing-missed {
            keepalive_timeout 0;
            ${asked}
        }
`;
}

const nth = (n: number): string => (n === 0 ? "" : `-${n}`);
