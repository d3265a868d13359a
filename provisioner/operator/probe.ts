import https from "node:https";
import type { LookupFunction } from "node:net";

/**
 * Requests the site once from outside, by name, as a visitor's browser would.
 * @param at IPv4 address that is asked instead of the one that DNS says, for the same name.
 */
export type Probe = (
  url: string,
  at?: string,
) => Promise<{ status: number; maintenance?: boolean } | { error: string }>;

const TIMEOUT_MS = 10_000;

/** The same, knowing whether a 503 is only the page of maintenance: then the site is there, for those who may see it. */
export const knowing =
  (probe: Probe, inMaintenance: () => Promise<boolean>): Probe =>
  async (url, at) => {
    const seen = await probe(url, at);
    if ("error" in seen || seen.status !== 503) return seen;
    return { ...seen, maintenance: await inMaintenance().catch(() => false) };
  };

/** Whether whoever answered was the site. */
export const isAnswer = (seen: Awaited<ReturnType<Probe>>): boolean =>
  "status" in seen && (seen.status < 500 || seen.maintenance === true);

/**
 * Names are looked up by the system's resolver and certificates checked against Node's roots (and
 * NODE_EXTRA_CA_CERTS). `lookup` and `port` are for a site that has no name there.
 */
export function createProbe(options: { lookup?: LookupFunction; port?: number; ca?: string } = {}): Probe {
  return (url, at) =>
    new Promise((resolve) => {
      const request = https.get(
        url,
        {
          agent: false,
          timeout: TIMEOUT_MS,
          headers: { "user-agent": "everspot" },
          ...options,
          ...atAddress(at),
        },
        (response) => {
          response.resume();
          resolve({ status: response.statusCode ?? 0 });
        },
      );
      request.on("timeout", () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
      request.on("error", (error: NodeJS.ErrnoException) =>
        resolve({ error: error.message || String(error.code) }),
      );
    });
}

const atAddress = (address: string | undefined): { lookup?: LookupFunction } =>
  address === undefined
    ? {}
    : {
        lookup: (_, { all }, found) =>
          all ? found(null, [{ address, family: 4 }]) : found(null, address, 4),
      };
