import { EverspotError } from "../site/errors.ts";

export interface ForwardConfig {
  /** Unix socket to listen on. */
  socket: string;
  pid: string;
  log: string;
  /** The new owner's private IPv4 address and its forwarding port. */
  to: { address: string; port: number };
  /** Socket of the app on this machine: asked when the new owner cannot be reached. */
  app: string;
  /** Seconds the app may take for an answer. */
  timeout: number;
  /** For tests. */
  user?: string;
}

/**
 * The nginx.conf of the forwarder. What came in goes out as it came, with no copy on the disk. A request that never
 * reached the new owner is answered here; one that did is not sent twice if it is a POST (`proxy_next_upstream`
 * leaves out `non_idempotent`).
 */
export function renderForward(config: ForwardConfig): string {
  const { address, port } = config.to;
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(address)) {
    throw new EverspotError(`${JSON.stringify(address)} is not an IPv4 address to forward to`);
  }
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
    client_max_body_size 0;
    upstream owner {
        server ${address}:${port} max_fails=0;
        server unix:${config.app} backup;
    }
    server {
        listen unix:${config.socket};
        location / {
            proxy_pass http://owner;
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Connection "close";
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_redirect off;
            proxy_connect_timeout 2s;
            proxy_next_upstream error timeout;
            proxy_read_timeout ${config.timeout + 8}s;
        }
    }
}
`;
}
