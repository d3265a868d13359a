import { isIPv4 } from "node:net";
import { EverspotError } from "../site/errors.ts";

/** The metadata service over IPv6, where it is switched on (EC2 user guide, "Access instance metadata"). */
const METADATA_IPV6 = "fd00:ec2::254";

export interface MetadataEndpoint {
  address: string;
  port: number;
}

/** @param endpoint URL with an IPv4 address, as AWS_EC2_METADATA_SERVICE_ENDPOINT holds it. */
export function metadataEndpoint(endpoint: string): MetadataEndpoint {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || url.protocol !== "http:" || !isIPv4(url.hostname)) {
    throw new EverspotError(`${JSON.stringify(endpoint)} is not an http URL with an IPv4 address`, {
      resource: "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    });
  }
  return { address: url.hostname, port: url.port === "" ? 80 : Number(url.port) };
}

/**
 * nftables rules that refuse the metadata service to users, for `nft -f`. Applied as a whole or not at all,
 * and safe to repeat. Users and addresses only ever get added, so that instances which share a network (as in
 * a rehearsal) do not undo each other; the chain is rewritten because a rule would be added twice.
 */
export function metadataRules(endpoint: MetadataEndpoint, uids: readonly number[]): string {
  return `table inet everspot {
  set metadata {
    type ipv4_addr . inet_service
    elements = { ${endpoint.address} . ${endpoint.port} }
  }
  set users {
    typeof meta skuid
    elements = { ${uids.join(", ")} }
  }
  chain output {
    type filter hook output priority filter; policy accept;
  }
}
flush chain inet everspot output
table inet everspot {
  chain output {
    meta skuid @users ip daddr . tcp dport @metadata reject with tcp reset
    meta skuid @users ip6 daddr ${METADATA_IPV6} reject
  }
}
`;
}

/** A drop-in that says the same to systemd: a second lock, where the kernel lets units have one. */
export function metadataDropIn(endpoint: MetadataEndpoint): string {
  return `[Service]\nIPAddressDeny=${endpoint.address} ${METADATA_IPV6}\n`;
}
