import { type ConnectionOptions, connect } from "node:tls";
import { EverspotError, messageOf } from "../../agent/site/errors.ts";

/** What a visitor is shown. Serial number in lower-case hex. */
export interface ServedCertificate {
  serial: string;
  issuer: string;
  names: string[];
  notBefore: Date;
  notAfter: Date;
  /** Why this computer would not trust it; undefined when it would. */
  distrust: string | undefined;
}

/** Reads the certificate of a site over TLS, by name. @throws EverspotError when there is no TLS answer. */
export type ReadServed = (domain: string) => Promise<ServedCertificate>;

const TIMEOUT_MS = 10_000;

/**
 * The chain is judged by Node's roots and NODE_EXTRA_CA_CERTS, and the name against the domain, but neither ends
 * the look. `options`: for a site that has no name or no port 443 here.
 */
export const createReadServed =
  (options: ConnectionOptions = {}): ReadServed =>
  (domain) =>
    new Promise((resolve, reject) => {
      const socket = connect({
        host: domain,
        port: 443,
        servername: domain,
        // The verdict is read below: a wrong certificate must be seen here, too.
        rejectUnauthorized: false,
        ...options,
      });
      const fail = (cause: Error) => {
        socket.destroy();
        reject(new EverspotError(`${domain} shows no certificate: ${messageOf(cause)}`, { cause }));
      };
      socket.setTimeout(TIMEOUT_MS, () => fail(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
      socket.on("error", fail);
      socket.on("secureConnect", () => {
        const leaf = socket.getPeerX509Certificate();
        const wrongName = leaf?.checkHost(domain) === undefined ? `it is not for ${domain}` : undefined;
        const distrust = socket.authorized ? wrongName : String(socket.authorizationError);
        socket.end();
        if (leaf === undefined) return fail(new Error("the server sent none"));
        resolve({
          serial: leaf.serialNumber.toLowerCase(),
          issuer: /^CN=(.+)$/m.exec(leaf.issuer)?.[1] ?? leaf.issuer.replaceAll("\n", ", "),
          names: [...(leaf.subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)].map((m) => m[1] ?? ""),
          notBefore: new Date(leaf.validFrom),
          notAfter: new Date(leaf.validTo),
          distrust,
        });
      });
    });
