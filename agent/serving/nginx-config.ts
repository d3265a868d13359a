import type { BootConfig } from "../../user-data/boot-config.ts";
import { decodedUrl } from "../site/config/static-files.ts";
import { EverspotError } from "../site/errors.ts";
import { sorryPage } from "./sorry-page.ts";
import { HASHED_NAME } from "./static-folder.ts";
import { visitorClaims } from "./visitor-claims.ts";

export interface NginxSite {
  /** IPv4 to listen on: ports 80 and 443 of this address and of no other. */
  address: string;
  names: readonly string[];
  /** PEM files; the chain starts with the leaf. */
  tls: { chain: string; key: string };
  /** Whether visitors can trust the certificate. If not, plain HTTP serves the site too and HSTS stays off. */
  trusted: boolean;
  /** Socket of the app; may be a symlink, followed at each request. Visitors get a 503 page while it is dead. */
  socket: string;
  /** While `marker` exists, every request goes to `socket` instead, and the connection it came by is closed. */
  forwarding: { marker: string; socket: string };
  /** File. While it exists, every answer closes its connection: before a reload, which cuts idle ones off. */
  closing: string;
  /** Port of the address on which other instances of the site pass on their requests, over plain HTTP. */
  forwardPort: number;
  /**
   * A link at `folder` itself is followed, none below it. What is not there, but has a hash of its content in its name,
   * is looked for in `before`, the folder of the release before, which need not exist; then the app is asked.
   */
  static: { url: string; folder: string; before: string } | undefined;
  /** Seconds the app may take for an answer. */
  timeout: number;
  /** Megabytes of a request's body, at most. */
  maxBody: number;
  /** Seconds; 0 sends no Strict-Transport-Security. */
  hsts: number;
  os: BootConfig["image"]["os"];
}

/** Seconds a visitor's idle connection is kept. */
export const KEEP_ALIVE = 65;
/**
 * Connections of one worker. A visitor takes one, and one more while the app works for him; what a single address can
 * hold open is limited before nginx (isolation/crowd-rules.ts), as nginx counts no request before all its header is there.
 */
const CONNECTIONS = 8192;
/** Files: each connection, and one for what it sends. */
const OPEN_FILES = 2 * CONNECTIONS + 64;
/** Connections that wait to be accepted; the kernel's own limit, net.core.somaxconn, is the same since Linux 5.4. */
const BACKLOG = 4096;
/** Requests of one address at a time. A browser sends 100 over one connection (HTTP/2). */
const AT_ONCE = 256;
/** How long browsers may keep a static file, with a hash of its content in its name and without. */
const HASHED = "365d";
const PLAIN = "1h";
/** Seconds after which a visitor may ask again. */
const RETRY_AFTER = 15;

const HOST = /^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const URL_PREFIX = /^\/([^/\p{Cc}]+\/)*$/u;
const FOLDER = /^\/[^$\p{Cc}]+$/u;
const FILE = /^\/[A-Za-z0-9._/-]+$/;

/**
 * The whole nginx.conf. Debian 12 has nginx 1.22, Debian 13 has 1.26; `http2 on` came with 1.25.1.
 * @throws EverspotError for a value that cannot stand in the file: nginx has no way to quote `$`.
 */
export function renderNginx(site: NginxSite): string {
  const names = site.names.map((name) => checked(name.toLowerCase(), HOST, "domain name")).join(" ");
  const chain = checked(site.tls.chain, FILE, "path");
  const key = checked(site.tls.key, FILE, "path");
  const address = checked(site.address, /^\d+\.\d+\.\d+\.\d+$/, "IPv4 address");
  // nginx 1.26 asks the server that the handshake names; 1.22 the socket.
  const [http2, http2On] = site.os === "debian-12" ? [" http2", ""] : ["", "\n        http2 on;"];
  const hsts =
    site.trusted && site.hsts > 0
      ? `add_header Strict-Transport-Security "max-age=${Math.floor(site.hsts)}" always;`
      : "";
  const perAddress = `limit_conn address ${AT_ONCE};`;
  return `# Written by the everspot agent; changes are lost.
user www-data;
worker_processes auto;
worker_rlimit_nofile ${OPEN_FILES};
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;

events {
    worker_connections ${CONNECTIONS};
}

http {
    include /etc/nginx/mime.types;
    types {
        application/javascript mjs;
        application/manifest+json webmanifest;
        text/vtt vtt;
    }
    default_type application/octet-stream;
    charset utf-8;
    # What a visitor may not claim is compared with hyphens only.
    proxy_headers_hash_max_size 2048;
    proxy_headers_hash_bucket_size 128;
    underscores_in_headers off;
    ignore_invalid_headers on;
    access_log /var/log/nginx/access.log combined buffer=16k flush=5s;
    sendfile on;
    tcp_nopush on;
    server_tokens off;
    server_names_hash_bucket_size 512;
    types_hash_max_size 2048;
    keepalive_timeout ${KEEP_ALIVE}s;
    client_header_timeout 10s;
    client_body_timeout 30s;
    send_timeout 30s;
    client_max_body_size ${site.maxBody}m;
    reset_timedout_connection on;
    limit_conn_zone $binary_remote_addr zone=address:2m;
    limit_conn_status 429;
    limit_conn_log_level notice;
    # A request may be handed to the forwarder first and to the 503 page then.
    recursive_error_pages on;

    gzip on;
    gzip_vary on;
    gzip_proxied any;
    gzip_min_length 512;
    gzip_types text/plain text/css text/xml text/javascript application/javascript application/json application/xml image/svg+xml;

    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
    ssl_prefer_server_ciphers off;
    ssl_session_cache shared:TLS:2m;
    ssl_session_timeout 1d;
    ssl_session_tickets off;

    map $uri $static_expires {
        default ${PLAIN};
        "~${HASHED_NAME}" ${HASHED};
    }

    # Whoever asks for another name gets nothing of this site.
    server {
        listen ${address}:80 default_server backlog=${BACKLOG};
        server_name _;
        return 444;
    }
    server {
        listen ${address}:443 ssl${http2} default_server backlog=${BACKLOG};${http2On}
        server_name _;
        ssl_reject_handshake on;
        return 421;
    }

    server {
        listen ${address}:80;
        server_name ${names};
        ${perAddress}
${site.trusted ? "        return 301 https://$host$request_uri;\n" : locations(site, fromVisitor, "")}    }
    server {
        listen ${address}:443 ssl${http2};${http2On}
        server_name ${names};
        ssl_certificate ${chain};
        ssl_certificate_key ${key};
        ${perAddress}
        ${hsts}
${locations(site, fromVisitor, hsts)}    }

    # From an instance that this one replaced. Who asked, and how, is what that one says.
    server {
        listen ${address}:${site.forwardPort} default_server;
        server_name _;
        return 444;
    }
    server {
        listen ${address}:${site.forwardPort};
        server_name ${names};
${locations(site, fromPeer, "")}    }
}
`;
}

/** Values of the headers that tell the app who asked, and how. */
const fromVisitor = { address: "$remote_addr", scheme: "$scheme", port: "$server_port" };
const fromPeer = {
  address: "$http_x_forwarded_for",
  scheme: "$http_x_forwarded_proto",
  port: "$http_x_forwarded_port",
};

/** @param always directive for every answer: a location that adds a header of its own leaves out the server's. */
function locations(site: NginxSite, from: typeof fromVisitor, always: string): string {
  const forward = checked(site.forwarding.socket, FILE, "path");
  const proxied = proxy(checked(site.socket, FILE, "path"), from, site.timeout + 5);
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
            ${proxy(forward, from, site.timeout + 10)}
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

const proxy = (socket: string, from: typeof fromVisitor, seconds: number): string =>
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
            proxy_send_timeout 30s;
            proxy_read_timeout ${seconds}s;
            error_page 502 = @sorry;`;

function staticFiles(
  files: { url: string; folder: string; before: string },
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

/** One word of nginx's configuration, in which a backslash stands for itself before all but quotes and backslashes. */
const word = (value: string): string =>
  /^[\w./~-]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;

function checked(value: string, valid: RegExp, what: string): string {
  if (valid.test(value) && !value.split("/").includes("..")) return value;
  throw new EverspotError(`${JSON.stringify(value)} cannot be used as a ${what} in nginx's configuration`, {
    hint: "correct it in everspot.toml",
  });
}
