import https from "node:https";
import { checkServerIdentity, type TLSSocket } from "node:tls";
import { type Clock, systemClock } from "../site/clock.ts";
import { messageOf } from "../site/errors.ts";
import { poll } from "../site/poll.ts";
import { giveUpAfter } from "../system/silence.ts";

export interface Answer {
  status: number;
  /** Set when the certificate is for another name or out of date: it must not be shown to anyone. */
  wrong: string | undefined;
  /** Undefined when a visitor would trust the chain; else why not. */
  distrust: string | undefined;
  /** Of the certificate, lower-case hex. */
  serial: string;
  milliseconds: number;
}

export interface Probe {
  /** IPv4. */
  address: string;
  /** For tests; 443. */
  port?: number;
  domain: string;
  path: string;
  /** Of the certificate that nginx was given: just after a reload an old worker may show another one for a moment. */
  serial?: string | undefined;
}

/** Milliseconds of that moment; from then on, whichever is shown counts. */
const RELOAD = 5_000;

/**
 * Asks this machine for the site as a visitor will, but for the DNS. The certificate must always be for the
 * domain and in date. Its chain is judged by Node's roots and NODE_EXTRA_CA_CERTS, but only reported: a site
 * whose certificate no one trusts is better than none, and the CA may be a private one.
 * @throws Error when there is no HTTPS answer.
 */
export function ask(probe: Probe, timeoutMs: number, signal?: AbortSignal): Promise<Answer> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = https.get(
      {
        host: probe.address,
        port: probe.port ?? 443,
        path: probe.path,
        servername: probe.domain,
        // As this machine itself, which maintenance does not concern (nginx-locations.ts).
        localAddress: probe.address,
        agent: false,
        // The verdict is read below, so that an untrusted chain can be distinguished from a wrong name.
        rejectUnauthorized: false,
        headers: { host: probe.domain, "user-agent": "everspot" },
        signal,
      },
      (answer) => {
        const socket = answer.socket as TLSSocket;
        answer.resume();
        resolve({
          status: answer.statusCode ?? 0,
          wrong: wrongCertificate(socket, probe.domain),
          distrust: socket.authorized ? undefined : String(socket.authorizationError),
          serial: socket.getPeerCertificate().serialNumber.toLowerCase(),
          milliseconds: Math.round(performance.now() - started),
        });
      },
    );
    giveUpAfter(request, timeoutMs);
    request.on("error", reject);
  });
}

/**
 * The self-probe: repeats until the site answers 200 over HTTPS with its certificate, at least once.
 * @throws EverspotError quoting the last answer.
 */
export async function probeSite(
  probe: Probe,
  seconds: number,
  clock: Clock = systemClock,
  signal?: AbortSignal,
): Promise<Answer> {
  const began = clock.now();
  return await poll(
    `https://${probe.domain}${probe.path} on this machine`,
    async () => {
      const answer = await ask(probe, 10_000, signal).catch((error: Error) => error);
      signal?.throwIfAborted();
      if (answer instanceof Error) return { waiting: answer.message };
      const early = probe.serial !== undefined && clock.now() - began < RELOAD;
      if (early && answer.serial !== probe.serial) return { waiting: "the certificate of before" };
      const problem = judge(answer);
      return problem === undefined ? { done: answer } : { waiting: problem };
    },
    {
      seconds,
      everySeconds: 0.2,
      hint: "the app answers over its socket, so look at nginx: `everspot logs --source nginx`",
      signal,
      clock,
    },
  );
}

function judge(answer: Answer): string | undefined {
  if (answer.status !== 200) return `HTTP ${answer.status}`;
  return answer.wrong === undefined ? undefined : `certificate: ${answer.wrong}`;
}

/** Node checks the name only after the chain; here it counts for an untrusted chain too. */
function wrongCertificate(socket: TLSSocket, domain: string): string | undefined {
  const certificate = socket.getPeerCertificate();
  const now = Date.now();
  if (Date.parse(certificate.valid_to) <= now) return `expired at ${certificate.valid_to}`;
  if (Date.parse(certificate.valid_from) > now) return `not valid before ${certificate.valid_from}`;
  const error = checkServerIdentity(domain, certificate);
  return error === undefined ? undefined : messageOf(error);
}
