import type { BootConfig } from "../../user-data/boot-config.ts";
import type { ServedCertificate } from "../certificate/context.ts";
import type { Identity } from "../identity/identity.ts";
import type { MetadataEndpoint } from "../isolation/metadata-rules.ts";
import type { Notify } from "../notify/notify.ts";
import type { Packages } from "../packages/ensure.ts";
import type { Metadata } from "../ports/metadata.ts";
import type { Peers } from "../ports/peers.ts";
import type { SecretSource } from "../ports/secrets.ts";
import type { Zone } from "../ports/zone.ts";
import type { Candidates } from "../release/candidates.ts";
import type { ReleaseDisk } from "../release/fetch.ts";
import type { Platform } from "../release/fit.ts";
import type { Clock } from "../site/clock.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Units } from "../system/units.ts";

/** Everything a boot works with; made once, in the composition root. */
export interface Machine {
  config: BootConfig;
  clock: Clock;
  store: ObjectStore;
  metadata: Metadata;
  metadataEndpoint: MetadataEndpoint;
  secrets: SecretSource;
  zone: Zone;
  peers: Peers;
  units: Units;
  platform: Platform;
  disk: ReleaseDisk;
  candidates: Candidates;
  notify: Notify;
  packages(identity: Identity): Packages;
  certificate(identity: Identity): Promise<ServedCertificate>;
}
