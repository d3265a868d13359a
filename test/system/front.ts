/** A real nginx with the agent's configuration, on an address of the sandbox. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { selfSigned } from "../../agent/certificate/self-signed.ts";
import { askHealth } from "../../agent/serving/health.ts";
import { type NginxSite, renderNginx } from "../../agent/serving/nginx-config.ts";
import { poll } from "../../agent/site/poll.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";

export interface Front {
  /** Holds `static/`, nginx's logs, and the marker files. */
  folder: string;
  site: NginxSite;
  /** PEM. */
  chain: string;
  close(): Promise<void>;
}

/** @param answer of the app behind it. */
export async function startFront(
  address: string,
  name: string,
  answer: http.RequestListener,
  change: Partial<NginxSite> = {},
): Promise<Front> {
  requireSandbox();
  const folder = await mkdtemp(path.join(tmpdir(), "front-"));
  const at = (file: string) => path.join(folder, file);
  const { key, chain } = selfSigned([name], new Date());
  await writeFile(at("key.pem"), key, { mode: 0o600 });
  await writeFile(at("chain.pem"), chain);
  await mkdir(at("static"));
  const app = http.createServer(answer);
  await new Promise<void>((resolve) => app.listen(at("app.sock"), resolve));
  await execa("chmod", ["a+rx", folder]);
  await execa("chmod", ["a+rw", at("app.sock")]);
  const site: NginxSite = {
    address,
    names: [name],
    tls: { chain: at("chain.pem"), key: at("key.pem") },
    trusted: true,
    socket: at("app.sock"),
    forwarding: { marker: at("forwarding"), socket: at("forward.sock") },
    closing: at("closing"),
    forwardPort: 8079,
    maintenance: {
      ...{
        marker: at("maintenance/on"),
        page: at("maintenance/page.html"),
        allowed: at("maintenance/allowed"),
      },
    },
    static: [{ url: "/static/", folder: at("static"), before: at("before") }],
    ...{ paths: [], live: false, headers: {} },
    timeout: 10,
    hsts: 3600,
    answers: at("answers"),
    maxBody: 32,
    os: "debian-12",
    ...change,
  };
  const text = renderNginx(site);
  const config = at("nginx.conf");
  await writeFile(
    config,
    text.replace(/^pid .*$/m, `pid ${folder}/nginx.pid;`).replace(/syslog:\S+tag=(\w+)/g, `${folder}/$1.log`),
  );
  await execa("nginx", ["-t", "-q", "-c", config]);
  const nginx = execa("nginx", ["-c", config, "-g", "daemon off;"], { reject: false });
  const close = async (): Promise<void> => {
    nginx.kill("SIGTERM");
    await nginx;
    app.closeAllConnections();
    await new Promise((resolve) => app.close(resolve));
    await rm(folder, { recursive: true, force: true });
  };
  await poll(
    "nginx",
    async () => {
      const { seen } = await askHealth({ host: address, port: 80 }, "/", name);
      return seen.startsWith("HTTP") ? { done: true } : { waiting: seen };
    },
    { seconds: 10, everySeconds: 0.05 },
  );
  return { folder, site, chain, close };
}
