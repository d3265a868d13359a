import type { BootConfig } from "../../user-data/boot-config.ts";
import type { CertificateContext, ServedCertificate } from "../certificate/context.ts";
import type { Identity } from "../identity/identity.ts";
import type { Shipper } from "../logs/shipper.ts";
import type { Alerts } from "../notify/alerts.ts";
import type { Notify, Tried } from "../notify/notify.ts";
import type { Packages } from "../packages/ensure.ts";
import type { CreditMode } from "../ports/credits.ts";
import type { Fleet } from "../ports/fleet.ts";
import type { Launches } from "../ports/launches.ts";
import type { Metadata } from "../ports/metadata.ts";
import type { Peers } from "../ports/peers.ts";
import type { SecretSource } from "../ports/secrets.ts";
import type { Bringing, StateKeeper } from "../ports/state.ts";
import type { Zone } from "../ports/zone.ts";
import type { Candidates } from "../release/candidates.ts";
import type { ReleaseDisk } from "../release/fetch.ts";
import type { Platform } from "../release/fit.ts";
import type { Clock } from "../site/clock.ts";
import type { ObjectStore } from "../site/store.ts";
import type { PatientClock, Processor } from "../system/processor.ts";
import type { Rounds } from "../system/rounds.ts";
import type { StartLasting, StartTransient } from "../system/transient.ts";
import type { Units } from "../system/units.ts";
import type { Gauges } from "../watch/gauges.ts";
import type { Host } from "./host.ts";

/** Everything the agent works with on its instance; made once, in the composition root. */
export interface Machine {
  config: BootConfig;
  identity: Identity;
  clock: Clock;
  /** For deadlines of what the machine does itself. */
  patience: PatientClock;
  processor: Processor;
  /** Whoever is to keep going is one of them. */
  rounds: Rounds;
  store: ObjectStore;
  metadata: Metadata;
  secrets: SecretSource;
  /** What was put into the Parameter Store for commands of the operator's. */
  runSecrets: SecretSource;
  zone: Zone;
  peers: Peers;
  fleet: Fleet;
  launches: Launches;
  creditMode: CreditMode;
  units: Units;
  transient: StartTransient;
  lasting: StartLasting;
  host: Host;
  /** What of it may go wrong, as numbers. */
  gauges: Gauges;
  logs: Pick<Shipper, "run" | "hurry">;
  platform: Platform;
  disk: ReleaseDisk;
  candidates: Candidates;
  notify: Notify;
  /** The same for what lasts: reported once, and when it is over. */
  alerts: Alerts;
  /** Sends a notice of nothing. @returns how it got where notices go. */
  tryNotify(): Promise<Tried[]>;
  packages: Packages;
  certificates: CertificateContext;
  /** Undefined for a site that keeps no state. */
  state?: StateKeeper | undefined;
  /** Set on an instance that was launched without `[state]`. */
  bringing?: Bringing | undefined;
  /**
   * Puts the best certificate there is in place; ends in bounded time. `first`: when to order where nothing was ever
   * ordered.
   */
  certificate(first: "now" | "later"): Promise<ServedCertificate>;
}
