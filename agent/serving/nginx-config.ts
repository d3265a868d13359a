import type { BootConfig } from "../../user-data/boot-config.ts";
import { locations, type NginxApp } from "./nginx-locations.ts";
import { mediaPolicy } from "./nginx-media.ts";
import { fromPeer, fromVisitor, liveRequests } from "./nginx-proxy.ts";
import { HASHED } from "./nginx-static.ts";
import { checked, FILE, headerValue, journal } from "./nginx-words.ts";
import { HASHED_NAME } from "./static-folder.ts";

export interface NginxSite extends NginxApp {
  /** IPv4 to listen on: ports 80 and 443 of this address and of no other. */
  address: string;
  names: readonly string[];
  /** The one of them that the others lead to; undefined: each is the site. */
  redirectTo?: string | undefined;
  /** PEM files; the chain starts with the leaf. */
  tls: { chain: string; key: string };
  /** Whether visitors can trust the certificate. If not, plain HTTP serves the site too and HSTS stays off. */
  trusted: boolean;
  /** Port of the address on which other instances of the site pass on their requests, over plain HTTP. */
  forwardPort: number;
  /** Socket of the agent, for another instance that asks it to look at who has the site. */
  asked?: string | undefined;
  /** File in which each answer leaves its status: three digits and a line break. */
  answers?: string | undefined;
  /** Megabytes of a request's body, at most. */
  maxBody: number;
  /** Seconds; 0 sends no Strict-Transport-Security. */
  hsts: number;
  /** Headers of every answer to a visitor, by their names; the app's own are left out. */
  headers: Readonly<Record<string, string>>;
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
/** The same where requests may be held: those of an office behind one address wait together. */
const AT_ONCE_HELD = 1024;
/** How long browsers may keep a static file without a hash of its content in its name. */
const PLAIN = "1h";

const HEADER = /^[A-Za-z0-9-]+$/;
/** What an instance that asks another one says of the visitor (app-request.ts). */
const OF_INSTANCE = "127.0.0.1";

/** Each replaces what the app says of the same. */
const headersOf = (headers: readonly (readonly [name: string, value: string])[]): string =>
  headers
    .flatMap(([name, value]) => [
      `proxy_hide_header ${name};`,
      `add_header ${name} ${headerValue(value)} always;`,
    ])
    .join("\n            ");

/** Where an instance that is about to take the site over asks the one before to look. */
export const ASK_PATH = "/.well-known/everspot/look";

const HOST = /^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/**
 * The whole nginx.conf. Debian 12 has nginx 1.22, Debian 13 has 1.26; `http2 on` came with 1.25.1.
 * @throws EverspotError for a value that cannot stand in the file: nginx has no way to quote `$`.
 */
export function renderNginx(site: NginxSite): string {
  const all = site.names.map((name) => checked(name.toLowerCase(), HOST, "domain name"));
  const shown = site.redirectTo?.toLowerCase();
  const names = all.filter((name) => shown === undefined || name === shown).join(" ");
  const led = all.filter((name) => shown !== undefined && name !== shown).join(" ");
  const chain = checked(site.tls.chain, FILE, "path");
  const key = checked(site.tls.key, FILE, "path");
  const address = checked(site.address, /^\d+\.\d+\.\d+\.\d+$/, "IPv4 address");
  // nginx 1.26 asks the server that the handshake names; 1.22 the socket.
  const [http2, http2On] = site.os === "debian-12" ? [" http2", ""] : ["", "\n        http2 on;"];
  const given = Object.entries(site.headers).map(
    ([name, value]) => [checked(name, HEADER, "header"), value] as const,
  );
  const headers = headersOf(given);
  const always = headersOf([
    ...(site.trusted && site.hsts > 0
      ? [["Strict-Transport-Security", `max-age=${Math.floor(site.hsts)}`] as const]
      : []),
    ...given,
  ]);
  const tls = `ssl_certificate ${chain};
        ssl_certificate_key ${key};`;
  const visitors = { from: fromVisitor, own: address };
  const perAddress = `limit_conn address ${site.hold === undefined ? AT_ONCE : AT_ONCE_HELD};`;
  return `# Written by the everspot agent; changes are lost.
user www-data;
worker_processes auto;
worker_rlimit_nofile ${OPEN_FILES};
pid /run/nginx.pid;
error_log ${journal("nginx")} warn;

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
    access_log ${journal("access")} combined;
${site.answers === undefined ? "" : statusLog(checked(site.answers, FILE, "path"))}    sendfile on;
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
${site.media === undefined ? "" : mediaPolicy}${site.live ? liveRequests : ""}
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
        ${site.trusted ? "return 301 https://$host$request_uri;" : `${headers}\n${locations(site, { ...visitors, always: headers })}`}
    }
    server {
        listen ${address}:443 ssl${http2};${http2On}
        server_name ${names};
        ${tls}
        ${perAddress}
        ${always}
${locations(site, { ...visitors, always })}    }
${
  led === ""
    ? ""
    : `    server {
        listen ${address}:80;
        server_name ${led};
        ${perAddress}
        ${headers}
        return 301 ${site.trusted ? "https" : "http"}://${shown}$request_uri;
    }
    server {
        listen ${address}:443 ssl${http2};${http2On}
        server_name ${led};
        ${tls}
        ${perAddress}
        ${always}
        return 301 https://${shown}$request_uri;
    }
`
}
    # From an instance that this one replaced. Who asked, and how, is what that one says.
    server {
        listen ${address}:${site.forwardPort} default_server;
        server_name _;
        return 444;
    }
    server {
        listen ${address}:${site.forwardPort};
        server_name ${all.join(" ")};
${site.asked === undefined ? "" : askedAt(checked(site.asked, FILE, "path"))}${locations(site, { from: fromPeer, own: OF_INSTANCE, always: "" })}    }
}
`;
}

const statusLog = (file: string): string => `    log_format status $status;
    access_log ${file} status buffer=4k flush=5s;
`;

/** What is sent along is thrown away: the app of another instance could ask as well. */
const askedAt = (socket: string): string => `        location = ${ASK_PATH} {
            client_max_body_size 1k;
            proxy_pass_request_body off;
            proxy_pass_request_headers off;
            proxy_pass http://unix:${socket}:/;
        }
`;
