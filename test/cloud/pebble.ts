import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, writeFile } from "node:fs/promises";
import https from "node:https";
import path from "node:path";
import { execa } from "execa";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import { poll } from "../../agent/site/poll.ts";

/** A certificate authority that speaks ACME: Debian's `pebble`. It enforces no rate limits. */
export interface Pebble {
  /** URL of the ACME directory. */
  readonly directory: string;
  /** PEM: signs Pebble's own HTTPS; who asks for certificates must trust it. */
  readonly listenCertificate: string;
  /** PEM: the root of the certificates it issues; visitors must trust it. New at every start. */
  readonly root: string;
  /** Orders made and certificates issued since the start, from its log. */
  counts(): Promise<{ orders: number; issued: number }>;
  log(): Promise<string>;
  /** Takes connections and answers nothing, until `resume`. */
  pause(): void;
  resume(): void;
  /** Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts pebble on 127.0.0.1 and resolves once it answers.
 * @throws EverspotError with its last lines when it does not come up.
 */
export async function startPebble(options: {
  /** An empty folder for its certificate, configuration and log. */
  folder: string;
  /** "127.0.0.1:53": where challenges are looked up. */
  dns: string;
  port?: number;
  managementPort?: number;
  /** Of the certificates it issues. */
  validitySeconds?: number;
  /** Percentage of good nonces that are refused all the same; Pebble's own default is 5. */
  nonceReject?: number;
  /** Runs it under another command, e.g. ["faketime", "-f", "+30d"]. */
  under?: readonly string[];
}): Promise<Pebble> {
  const { folder, port = 14_000, managementPort = 15_000 } = options;
  const file = (name: string) => path.join(folder, name);
  await writeCertificate(file("listen.key"), file("listen.pem"));
  const config = {
    pebble: {
      listenAddress: `127.0.0.1:${port}`,
      managementListenAddress: `127.0.0.1:${managementPort}`,
      certificate: file("listen.pem"),
      privateKey: file("listen.key"),
      httpPort: 80,
      tlsPort: 443,
      ocspResponderURL: "",
      externalAccountBindingRequired: false,
      ...(options.validitySeconds && { certificateValidityPeriod: options.validitySeconds }),
    },
  };
  await writeFile(file("config.json"), JSON.stringify(config));
  const log = await open(file("log"), "w");
  const [command = "pebble", ...args] = [
    ...(options.under ?? []),
    "pebble",
    "-config",
    file("config.json"),
    "-dnsserver",
    options.dns,
  ];
  const env = {
    ...process.env,
    PEBBLE_VA_NOSLEEP: "1",
    ...(options.nonceReject === undefined ? {} : { PEBBLE_WFE_NONCEREJECT: String(options.nonceReject) }),
  };
  const child = spawn(command, args, { stdio: ["ignore", log.fd, log.fd], env });
  const exited = Promise.race([once(child, "exit"), once(child, "error")]);
  let over: string | undefined;
  void exited.then(([why]) => {
    over = why instanceof Error ? messageOf(why) : `exit code ${why}`;
  });
  await log.close();

  const readLog = () => readFile(file("log"), "utf8");
  const close = async () => {
    if (over === undefined) child.kill("SIGKILL");
    await exited;
  };
  const listenCertificate = await readFile(file("listen.pem"), "utf8");
  try {
    const get = (at: number, where: string) => getText(at, where, listenCertificate);
    const root = await poll(
      "pebble answers",
      async () => {
        if (over !== undefined) {
          throw new EverspotError(`pebble did not start: ${over}`, {
            lines: (await readLog()).trimEnd().split("\n").slice(-10),
            hint: "scripts/setup installs it",
          });
        }
        try {
          await get(port, "/dir");
          return { done: await get(managementPort, "/roots/0") };
        } catch (error) {
          return { waiting: messageOf(error) };
        }
      },
      { seconds: 15, everySeconds: 0.05 },
    );
    return {
      directory: `https://127.0.0.1:${port}/dir`,
      listenCertificate,
      root,
      counts: async () => {
        const text = await readLog();
        const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
        return { orders: count(/Added order "/g), issued: count(/Issued certificate serial /g) };
      },
      log: readLog,
      pause: () => void child.kill("SIGSTOP"),
      resume: () => void child.kill("SIGCONT"),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function writeCertificate(key: string, certificate: string): Promise<void> {
  await execa("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-subj", "/CN=pebble", "-days", "3650", "-keyout", key, "-out", certificate],
    ...["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
  ]);
}

function getText(port: number, where: string, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    https
      .get({ host: "127.0.0.1", port, path: where, ca, agent: false, timeout: 2000 }, async (answer) => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk);
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`HTTP ${answer.statusCode}`));
      })
      .on("error", reject);
  });
}
