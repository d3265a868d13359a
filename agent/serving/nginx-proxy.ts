/** How nginx passes a request on: to the app, or to what passes it on to another instance. */
import { checked, FILE } from "./nginx-words.ts";
import { visitorClaims } from "./visitor-claims.ts";

/** Values of the headers that tell the app who asked, and how. */
export const fromVisitor = { address: "$remote_addr", scheme: "$scheme", port: "$server_port" };
export const fromPeer = {
  address: "$http_x_forwarded_for",
  scheme: "$http_x_forwarded_proto",
  port: "$http_x_forwarded_port",
};
export type From = typeof fromVisitor;

/** Seconds for which a WebSocket or a stream of events may be silent. */
export const SILENT = 3600;

/**
 * In `http`: which requests open a connection that stays, WebSockets and streams of events (an EventSource of a browser
 * asks for one so). No other protocol is ever switched to, such as h2c, which would carry requests past all that is
 * decided here.
 */
export const liveRequests = `
    map $http_upgrade $websocket {
        default "";
        "~*^websocket$" websocket;
    }
    map $websocket $app_connection {
        default close;
        websocket upgrade;
    }
    map "$websocket $http_accept" $is_live {
        default "";
        "~^websocket " 1;
        "~*text/event-stream" 1;
    }
`;

export interface Proxied {
  /** A path, or a link to one, followed at each request. */
  socket: string;
  from: From;
  /** Seconds until an answer begins, and between two pieces of it. */
  seconds: number;
  /** How many of those seconds a request may wait before anybody takes it. */
  hold: number;
  /** For a connection that stays: what comes is passed on at once. */
  live?: boolean;
}

export const proxy = ({ socket, from, seconds, hold, live = false }: Proxied): string =>
  `proxy_pass http://unix:${checked(socket, FILE, "path")}:;
            proxy_http_version 1.1;
            ${
              live
                ? `proxy_set_header Upgrade $websocket;
            proxy_set_header Connection $app_connection;
            proxy_buffering off;`
                : `proxy_set_header Connection "close";`
            }
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
