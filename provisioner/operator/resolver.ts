import type { CaaRecord } from "node:dns";
import { Resolver } from "node:dns/promises";

/**
 * Name servers that a zone is delegated to, lower case, without the trailing dot; empty when it is not delegated;
 * "broken" when resolvers answer SERVFAIL: its DNSSEC is wrong, or it is delegated to servers that know nothing of
 * it; undefined when no resolver answered.
 */
export type Delegation = readonly string[] | "broken" | undefined;

/** DNS as this computer sees it. */
export interface PublicDns {
  nameServers(zone: string): Promise<Delegation>;
  /**
   * CAA records, as a zone file has them, of the closest name that has any, from this one upwards (RFC 8659 §3);
   * undefined when that could not be asked.
   */
  caa(name: string): Promise<string[] | undefined>;
}

const TIMEOUT_MS = 4_000;

/** `servers` are those of the system unless given as "address:port". */
export function createPublicDns(servers?: readonly string[]): PublicDns {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
  if (servers !== undefined) resolver.setServers([...servers]);
  const caa = async (name: string): Promise<string[] | undefined> => {
    if (name === "") return [];
    const found = await answers(resolver.resolveCaa(name));
    if (found === "broken" || found === undefined) return undefined;
    return found.length > 0 ? found.map(caaText) : caa(name.replace(/^[^.]+\.?/, ""));
  };
  return {
    nameServers: async (zone) => {
      const found = await answers(resolver.resolveNs(zone));
      if (found === "broken" || found === undefined) return found;
      return found.map((name) => name.toLowerCase().replace(/\.$/, ""));
    },
    caa,
  };
}

/** None for a name that is not there; "broken" for SERVFAIL; undefined without an answer. */
async function answers<T>(asked: Promise<T[]>): Promise<T[] | "broken" | undefined> {
  try {
    return await asked;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTFOUND" || code === "ENODATA") return [];
    return code === "ESERVFAIL" ? "broken" : undefined;
  }
}

function caaText({ critical, ...properties }: CaaRecord): string {
  const [tag, value] =
    Object.entries(properties).find(([key, v]) => key !== "type" && typeof v === "string") ?? [];
  return `${critical} ${tag ?? "unknown"} "${value ?? ""}"`;
}
