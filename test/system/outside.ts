/** The world outside as an everspot of its own process is to find it: no name leads off this machine. */
import { writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

export interface Outside {
  /** For NODE_OPTIONS: DNS leads to a name server of the test, and the site's name to a server of it. */
  options: string;
  close(): void;
}

export async function startOutside(folder: string, nameServer: string, site: string): Promise<Outside> {
  const server = http.createServer((_, response) => response.end("ok"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const preload = path.join(folder, "outside.mjs");
  writeFileSync(
    preload,
    `import { Resolver } from "node:dns/promises"; import http from "node:http"; import https from "node:https";
     const { resolveNs } = Resolver.prototype;
     Resolver.prototype.resolveNs = function (name) {
       this.setServers(["${nameServer}"]);
       return resolveNs.call(this, name);
     };
     const get = https.get;
     https.get = (url, options, then) => new URL(url).hostname === "${site}"
       ? http.get({ host: "127.0.0.1", port: ${port}, path: new URL(url).pathname }, then) : get(url, options, then);`,
  );
  return { options: `--import ${preload}`, close: () => server.close() };
}
