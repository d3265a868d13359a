import type { Logger } from "pino";
import type { BootConfig } from "../../user-data/boot-config.ts";
import type { CertificateManager } from "../ports/certificate-manager.ts";
import type { Clock } from "../site/clock.ts";
import type { ObjectStore } from "../site/store.ts";
import type { Authority } from "./authority.ts";

/** What the certificate code needs from the rest of the agent; made once, in the composition root. */
export interface CertificateContext {
  store: ObjectStore;
  clock: Clock;
  logger: Pick<Logger, "info" | "warn">;
  config: Pick<BootConfig, "site" | "domain" | "aliases" | "certificate">;
  /** Id of this instance. */
  instance: string;
  /** New at every start of the agent: tells this process's order from one that died with an earlier process. */
  process: string;
  /** Folder of the served certificate, e.g. /var/lib/everspot/certificates. */
  folder: string;
  authority: Authority;
  /** Needed for `source = "acm"` and for the mirror. */
  acm?: CertificateManager;
}

export interface ServedCertificate {
  /** Absolute paths, PEM, 0600. They stay the same when the certificate changes; nginx must reload to notice. */
  key: string;
  fullchain: string;
  names: string[];
  issuer: string;
  /** Lower-case hex. */
  serial: string;
  notBefore: Date;
  notAfter: Date;
  /**
   * `stored`: the newest in the bucket; `issued`: just ordered; `previous`: an older one, or one for other names
   * that include the domain; `self-signed`: browsers refuse it, so plain HTTP must be served too;
   * `acm`: exported from AWS Certificate Manager.
   */
  source: "stored" | "issued" | "previous" | "self-signed" | "acm";
  /** Whether the files changed, so that programs that use them must read them again. */
  changed: boolean;
  /** Nothing was ever ordered for these names, and the order waits until it is known that the app works. */
  waits?: true;
  /** What a person should know, e.g. why the newest certificate is not the one served. */
  warnings: string[];
}
