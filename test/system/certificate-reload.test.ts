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
import { type Answer, Http2Visitor } from "./http2-visitor.ts";

const NAME = "example.test";
const ADDRESS = "127.0.0.21";
const PER_SECOND = 50;
const RENEWALS = 3;

interface Site {
  /** The configuration for a certificate that visitors trust, or do not. */
  rendered(trusted: boolean): string;
  config: string;
  closing: string;
  units: Units;
  /** Installs another certificate. */
  renew(): Promise<unknown>;
}

/** nginx with the agent's configuration before an app that answers "hello". */
async function withSite(trusted: boolean, run: (site: Site) => Promise<void>): Promise<void> {
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
  const rendered = (trusted: boolean): string =>
    renderNginx({
      address: ADDRESS,
      names: [NAME],
      tls: { chain: paths.fullchain, key: paths.key },
      trusted,
      socket: join(folder, "app.sock"),
      forwarding: { marker: join(folder, "forwarding"), socket: join(folder, "forward.sock") },
      closing,
      forwardPort: 8079,
      maintenance: { marker: join(folder, "on"), page: join(folder, "page"), allowed: join(folder, "ok") },
      static: [{ url: "/static/", folder: join(folder, "static"), before: join(folder, "before") }],
      ...{ paths: [], live: false, headers: {} },
      timeout: 10,
      hsts: 3600,
      maxBody: 32,
      os: "debian-12",
    })
      .replace(/^pid .*$/m, `pid ${folder}/nginx.pid;`)
      .replace(/syslog:\S+tag=(\w+)/g, `${folder}/$1.log`);
  const config = join(folder, "nginx.conf");
  await writeFile(config, rendered(trusted));
  const nginx = execa("nginx", ["-c", config, "-g", "daemon off;"], { reject: false });
  // nginx under systemd, as far as a reload is concerned.
  const units = {
    state: async () => ({ active: "active" }),
    reload: async () => void nginx.kill("SIGHUP"),
  } as unknown as Units;
  try {
    const fresh = new https.Agent({ keepAlive: false, maxCachedSessions: 0 });
    const look = async () =>
      ask(fresh, "/").then(
        (done) => ({ done }),
        (error: Error) => ({ waiting: error.message }),
      );
    await poll("nginx", look, { seconds: 10, everySeconds: 0.1 });
    await run({ rendered, config, closing, units, renew });
  } finally {
    nginx.kill("SIGTERM");
    await nginx;
    app.close();
    await rm(folder, { recursive: true, force: true });
  }
}

test(`${RENEWALS} renewals under ${PER_SECOND} requests/s, new connections, kept ones and HTTP/2: none fails`, () =>
  withSite(true, async ({ rendered, config, closing, units, renew }) => {
    const fresh = new https.Agent({ keepAlive: false, maxCachedSessions: 0 });
    // In turn, so that none is idle for long: with nginx's own times an idle one would be closed by its time-out.
    const kept = new https.Agent({
      keepAlive: true,
      maxSockets: 8,
      maxCachedSessions: 0,
      scheduling: "fifo",
    });
    const browser = new Http2Visitor(ADDRESS, NAME);
    const ways = [
      (url: string) => ask(kept, url),
      (url: string) => ask(fresh, url),
      (url: string) => browser.get(url),
    ];
    const answers: Promise<Answer | Error>[] = [];
    const serials = { "1.1": new Set<string>(), "2": new Set<string>() };
    const note = (answer: Answer): Answer => {
      serials[answer.version].add(answer.serial);
      return answer;
    };
    /** Until visitors of either version were answered with so many certificates, however long the machine stalls. */
    const answered = (count: number) =>
      poll(
        `${count} certificates`,
        async () =>
          Object.values(serials).every(({ size }) => size === count)
            ? { done: true }
            : { waiting: "visitors" },
        { seconds: 60, everySeconds: 0.05 },
      );
    let over = false;
    const load = (async () => {
      const start = performance.now();
      for (let i = 0; !over; i++) {
        const url = i % 4 === 0 ? "/static/a.txt" : "/";
        const way = ways[i % ways.length] ?? browser.get;
        answers.push(way(url).then(note, (error: Error) => error));
        await delay(Math.max(0, start + (i + 1) * (1000 / PER_SECOND) - performance.now()));
      }
    })();
    // Each of the 8 kept connections is used several times a second, and closed by its answer: no need to wait for
    // their time-out. What an old worker has until it is gone is short, and is not shortened.
    const hurried: Clock = {
      now: Date.now,
      sleep: async (ms) => {
        if (ms <= 1000) return delay(ms);
        const open = [kept.sockets, kept.freeSockets].flatMap((all) =>
          Object.values(all).flatMap((s) => s ?? []),
        );
        const look = async () => {
          const left = open.filter((socket) => !socket.destroyed).length;
          return left === 0 ? { done: true } : { waiting: `${left} connections of before` };
        };
        await poll("closed connections", look, { seconds: ms / 1000, everySeconds: 0.05 });
      },
    };
    const next = { file: config, config: rendered(true), marker: closing, hurry: false };
    for (let i = 0; i < RENEWALS; i++) {
      await answered(i + 1);
      await delay(500);
      await renew();
      await renewNginx(units, next, hurried);
      await expect(stat(closing)).rejects.toThrow("ENOENT");
    }
    await answered(RENEWALS + 1);
    await delay(500);
    over = true;
    await load;
    const results = await Promise.all(answers);
    expect(results.filter((r) => r instanceof Error || r.status !== 200 || r.body !== "hello")).toEqual([]);
    const good = results.flatMap((r) => (r instanceof Error ? [] : [r]));
    expect(good.some((r) => r.connection === "keep-alive")).toBe(true);
    expect(good.some((r) => r.connection === "close")).toBe(true);
    expect(browser.sessions).toBeGreaterThan(RENEWALS);
    kept.destroy();
    browser.close();
  }));

test("from a self-signed certificate to a trusted one at once: HTTP redirects from then on, HTTPS has HSTS", () =>
  withSite(false, async ({ rendered, config, closing, units, renew }) => {
    expect(await plain()).toMatchObject({ status: 200 });
    const before = await ask(new https.Agent(), "/");
    expect(before.hsts).toBeUndefined();
    await renew();
    const patient: Clock = { now: Date.now, sleep: () => Promise.reject(new Error("nobody is to wait")) };
    await renewNginx(units, { file: config, config: rendered(true), marker: closing, hurry: true }, patient);
    const look = async () => {
      const after = await ask(new https.Agent({ keepAlive: false }), "/");
      return after.serial === before.serial ? { waiting: "the old certificate" } : { done: after };
    };
    const after = await poll("the new certificate", look, { seconds: 5, everySeconds: 0.1 });
    expect(after.hsts).toBe("max-age=3600");
    expect(await plain()).toEqual({ status: 301, location: `https://${NAME}/` });
  }));

function plain(): Promise<{ status: number | undefined; location: string | undefined }> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: ADDRESS, headers: { host: NAME }, agent: false }, (answer) => {
        answer.resume();
        resolve({ status: answer.statusCode, location: answer.headers.location });
      })
      .on("error", reject);
  });
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
          const { connection, "strict-transport-security": hsts } = answer.headers;
          resolve({ version: "1.1", status: answer.statusCode, serial, body, connection, hsts });
        },
      )
      .on("error", reject);
  });
}
