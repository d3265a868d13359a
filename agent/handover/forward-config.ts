import { liveRequests, SILENT } from "../serving/nginx-proxy.ts";
import { sorryPage } from "../serving/sorry-page.ts";
import { EverspotError } from "../site/errors.ts";

export interface ForwardConfig {
  /** Unix socket to listen on. */
  socket: string;
  pid: string;
  log: string;
  /** The new owner's private IPv4 address and its forwarding port, or the socket of the app on this machine. */
  to: { address: string; port: number } | { socket: string };
  /**
   * Socket of the app on this machine: asked when the new owner cannot be reached. Undefined: no app is; what this
   * machine has is no longer the site.
   */
  app: string | undefined;
  /** Seconds the app may take for an answer. */
  timeout: number;
  /** Whether connections come that stay: WebSockets, and streams of events. */
  live: boolean;
  /** For tests. */
  user?: string;
}

/** Connections that wait to be accepted: those of a hand-over come all at once. The kernel's limit is the same. */
export const BACKLOG = 4096;

/**
 * The nginx.conf of the forwarder. What came in goes out as it came, with no copy on the disk. A request that never
 * reached the new owner is answered here, if it may be; one that did is not sent twice if it is a POST
 * (`proxy_next_upstream` leaves out `non_idempotent`).
 */
export function renderForward(config: ForwardConfig): string {
  return `# Written by the everspot agent; changes are lost.
daemon off;
user ${config.user ?? "www-data"};
worker_processes 1;
worker_rlimit_nofile 16384;
pid ${config.pid};
error_log ${config.log} warn;

events {
    worker_connections 8192;
}

http {
    access_log off;
    server_tokens off;
    client_max_body_size 0;${config.live ? liveRequests : ""}
    upstream owner {
        server ${serverOf(config.to)} max_fails=0;${config.app === undefined ? "" : `\n        server unix:${config.app} backup;`}
    }
    server {
        listen unix:${config.socket} backlog=${BACKLOG};
        location / {
            proxy_pass http://owner;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            ${config.live ? "proxy_set_header Upgrade $websocket;\n            proxy_set_header Connection $app_connection;" : 'proxy_set_header Connection "close";'}
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_redirect off;
            proxy_connect_timeout 2s;
            proxy_next_upstream error timeout;
            proxy_read_timeout ${config.live ? SILENT : config.timeout + 8}s;${config.app === undefined ? "\n            error_page 502 = @sorry;" : ""}
        }
${config.app === undefined ? sorry : ""}    }
}
`;
}

/** Seconds after which a visitor may ask again. */
const RETRY_AFTER = 5;

const sorry = `        location @sorry {
            default_type text/html;
            add_header Retry-After ${RETRY_AFTER} always;
            add_header Cache-Control "no-store" always;
            return 503 '${sorryPage}';
        }
`;

function serverOf(to: ForwardConfig["to"]): string {
  if ("socket" in to) return `unix:${to.socket}`;
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(to.address)) {
    throw new EverspotError(`${JSON.stringify(to.address)} is not an IPv4 address to forward to`);
  }
  return `${to.address}:${to.port}`;
}
