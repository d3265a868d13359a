import { connect } from "node:tls";

const TIMEOUT_MS = 10_000;

/** Serial number of the certificate shown for a name at an address, lower-case hex. @throws Error without a TLS answer. */
export function servedSerial(address: string, domain: string, port = 443): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, servername: domain, rejectUnauthorized: false }, () => {
      const serial = socket.getPeerX509Certificate()?.serialNumber.toLowerCase();
      socket.destroy();
      if (serial === undefined) reject(new Error("no certificate was sent"));
      else resolve(serial);
    });
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
    socket.on("error", reject);
  });
}
