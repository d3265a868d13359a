import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import type { Sources } from "./sources.ts";

const keepAlive = { keepAlive: true, maxSockets: 8 };
const agents = { http: new http.Agent(keepAlive), https: new https.Agent(keepAlive) };

/** Sends a GET to where it belongs, through the proxy this machine's apt uses, if it uses one. */
export async function get(
  url: URL,
  headers: http.OutgoingHttpHeaders,
  proxy: Sources["proxy"],
): Promise<http.IncomingMessage> {
  const request =
    url.protocol === "https:" ? await secure(url, headers, proxy.https) : plain(url, headers, proxy.http);
  request.setTimeout(30_000, () => request.destroy(new Error(`${url.host} did not answer in 30 s`)));
  request.end();
  const [answer] = (await once(request, "response")) as [http.IncomingMessage];
  return answer;
}

function plain(url: URL, headers: http.OutgoingHttpHeaders, proxy: string | undefined): http.ClientRequest {
  if (proxy === undefined) return http.request(url, { headers, agent: agents.http });
  return http.request(proxy, {
    path: url.href,
    headers: { ...headers, host: url.host, ...authorization(proxy) },
    agent: agents.http,
  });
}

async function secure(
  url: URL,
  headers: http.OutgoingHttpHeaders,
  proxy: string | undefined,
): Promise<http.ClientRequest> {
  if (proxy === undefined) return https.request(url, { headers, agent: agents.https });
  const socket = await openTunnel(`${url.hostname}:${url.port || 443}`, proxy);
  return https.request(url, {
    headers,
    agent: false,
    createConnection: () => tls.connect({ socket, servername: url.hostname }),
  });
}

/** A connection to "host:port", through the proxy if there is one. */
export async function openTunnel(target: string, proxy: string | undefined): Promise<net.Socket> {
  if (proxy === undefined) {
    const { hostname, port } = new URL(`tcp://${target}`);
    const socket = net.connect(Number(port), hostname);
    await once(socket, "connect");
    return socket;
  }
  const connect = http.request(proxy, { method: "CONNECT", path: target, headers: authorization(proxy) });
  connect.end();
  const [answer, socket] = (await once(connect, "connect")) as [http.IncomingMessage, net.Socket];
  if (answer.statusCode !== 200) throw new Error(`the proxy refused ${target}: HTTP ${answer.statusCode}`);
  return socket;
}

function authorization(proxy: string): http.OutgoingHttpHeaders {
  const { username, password } = new URL(proxy);
  if (username === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}
