/** nginx takes a renewed certificate while visitors keep asking. */

import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { execa } from "execa";
import { expect, test } from "vitest";
import { install, installedPaths } from "../../agent/certificate/installed.ts";
import { selfSigned } from "../../agent/certificate/self-signed.ts";
import { renewNginx } from "../../agent/serving/nginx.ts";
import { renderNginx } from "../../agent/serving/nginx-config.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { poll } from "../../agent/site/poll.ts";
import type { Units } from "../../agent/system/units.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";

const NAME = "example.test";
const ADDRESS = "127.0.0.21";
const PER_SECOND = 50;
const RENEWALS = 3;

test(`${RENEWALS} renewals under ${PER_SECOND} requests/s, new connections and kept ones: none fails`, async () => {
  requireSandbox();
  const folder = await mkdtemp(join(tmpdir(), "everspot-reload-"));
  const certificates = join(folder, "certificates");
  const renew = () => install(certificates, selfSigned([NAME], new Date()));
  await renew();
  const app = http.createServer((_, response) => setTimeout(() => response.end("hello"), 5));
  await new Promise<void>((resolve) => app.listen(join(folder, "app.sock"), resolve));
  await execa("chmod", ["a+rx", folder]);
  await execa("chmod", ["a+rw", join(folder, "app.sock")]);
  const closing = join(folder, "closing");
  await mkdir(join(folder, "static"));
  await writeFile(join(folder, "static", "a.txt"), "hello");
  const paths = installedPaths(certificates);
  const text = renderNginx({
    address: ADDRESS,
    names: [NAME],
    tls: { chain: paths.fullchain, key: paths.key },
    trusted: true,
    socket: join(folder, "app.sock"),
    forwarding: { marker: join(folder, "forwarding"), socket: join(folder, "forward.sock") },
    closing,
    forwardPort: 8079,
    static: { url: "/static/", folder: join(folder, "static") },
    timeout: 10,
    hsts: 0,
    os: "debian-12",
  });
  const config = join(folder, "nginx.conf");
  const rendered = text.replace(/^pid .*$/m, `pid ${folder}/nginx.pid;`).replaceAll("/var/log/nginx", folder);
  await writeFile(config, rendered);
  const nginx = execa("nginx", ["-c", config, "-g", "daemon off;"], { reject: false });
  try {
    const fresh = new https.Agent({ keepAlive: false, maxCachedSessions: 0 });
    const look = async () =>
      ask(fresh, "/").then(
        (done) => ({ done }),
        (error: Error) => ({ waiting: error.message }),
      );
    await poll("nginx", look, { seconds: 10, everySeconds: 0.1 });
    const kept = new https.Agent({ keepAlive: true, maxSockets: 8, maxCachedSessions: 0 });
    const answers: Promise<Answer | Error>[] = [];
    let over = false;
    const load = (async () => {
      const start = performance.now();
      for (let i = 0; !over; i++) {
        const url = i % 3 === 0 ? "/static/a.txt" : "/";
        answers.push(ask(i % 2 === 0 ? kept : fresh, url).catch((error: Error) => error));
        await delay(Math.max(0, start + (i + 1) * (1000 / PER_SECOND) - performance.now()));
      }
    })();
    // nginx under systemd, as far as a reload is concerned.
    const units = {
      state: async () => ({ active: "active" }),
      reload: async () => void nginx.kill("SIGHUP"),
    } as unknown as Units;
    // Each of the 8 kept connections is used several times a second: no need to wait for their time-out.
    const hurried: Clock = { now: Date.now, sleep: (ms) => delay(ms / 20) };
    for (let i = 0; i < RENEWALS; i++) {
      await delay(1000);
      await renew();
      await renewNginx(units, { file: config, config: rendered, marker: closing, hurry: false }, hurried);
      await expect(stat(closing)).rejects.toThrow("ENOENT");
    }
    await delay(1000);
    over = true;
    await load;
    const results = await Promise.all(answers);
    expect(results.filter((r) => r instanceof Error || r.status !== 200 || r.body !== "hello")).toEqual([]);
    const good = results.flatMap((r) => (r instanceof Error ? [] : [r]));
    expect(new Set(good.map((r) => r.serial)).size).toBe(RENEWALS + 1);
    expect(good.some((r) => r.connection === "keep-alive")).toBe(true);
    expect(good.some((r) => r.connection === "close")).toBe(true);
    kept.destroy();
  } finally {
    nginx.kill("SIGTERM");
    await nginx;
    app.close();
    await rm(folder, { recursive: true, force: true });
  }
});

interface Answer {
  status: number | undefined;
  serial: string;
  body: string;
  connection: string | undefined;
}

function ask(agent: https.Agent, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    https
      .get(
        { host: ADDRESS, path, servername: NAME, headers: { host: NAME }, agent, rejectUnauthorized: false },
        async (answer) => {
          const serial = (answer.socket as TLSSocket).getPeerCertificate().serialNumber;
          let body = "";
          for await (const chunk of answer) body += chunk;
          resolve({ status: answer.statusCode, serial, body, connection: answer.headers.connection });
        },
      )
      .on("error", reject);
  });
}
