import { Resolver } from "node:dns/promises";

/** DNS as this computer sees it. */
export interface PublicDns {
  /**
   * Name servers of a zone, lower case, without the trailing dot; empty when the zone is not delegated, undefined
   * when no resolver answered.
   */
  nameServers(zone: string): Promise<string[] | undefined>;
}

const TIMEOUT_MS = 4_000;

/** `servers` are those of the system unless given as "address:port". */
export function createPublicDns(servers?: readonly string[]): PublicDns {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
  if (servers !== undefined) resolver.setServers([...servers]);
  return {
    nameServers: async (zone) => {
      try {
        const found = await resolver.resolveNs(zone);
        return found.map((name) => name.toLowerCase().replace(/\.$/, ""));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // ESERVFAIL: delegated to servers that know nothing of it.
        if (code === "ENOTFOUND" || code === "ENODATA" || code === "ESERVFAIL") return [];
        return undefined;
      }
    },
  };
}
