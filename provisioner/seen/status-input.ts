import type { Alert } from "../../agent/site/alerts/alerts.ts";
import type { BootRecord } from "../../agent/site/boot-record.ts";
import type { CertificatePointer } from "../../agent/site/certificates.ts";
import type { Drilled } from "../../agent/site/state/drilled.ts";
import type { SpotPrice } from "../aws/market.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Answer } from "./answer.ts";
import type { BeganWith } from "./image-age.ts";
import type { NoticesSeen } from "./notices.ts";
import type { DnsSeen, SiteSeen } from "./observe.ts";

/** Everything that a site's status is made from. */
export interface StatusInput {
  config: SiteConfig;
  seen: SiteSeen;
  dns: DnsSeen | undefined;
  /** That of the newest instance that is alive, or else of the owner. */
  boot: BootRecord | undefined;
  began: BeganWith | undefined;
  pointer: CertificatePointer | undefined;
  spot: readonly SpotPrice[];
  /** The end of the console of an instance that runs and has never been heard of. */
  console?: { instance: string; lines: string[] } | undefined;
  /** What the site said when it was asked by name; undefined where there is none to ask. */
  answer: Answer | undefined;
  /** Where that was no 200: what its instance said when it was asked at its own address. */
  direct?: (Answer & { address: string }) | undefined;
  /** What was reported as wrong, and has not ended. */
  alerts: readonly Alert[];
  /** Where notices go; undefined where it was not asked. */
  notices: NoticesSeen | undefined;
  /** Undefined while there is none. */
  maintenance: Maintenance | undefined;
  /** How what the site writes is kept; undefined where nothing is. */
  data: DataSeen | undefined;
  /** Milliseconds since the epoch. */
  now: number;
}

/** The end of the state's log, as provisioner/data/glance.ts finds it. */
export interface DataSeen {
  entry: number;
  at: string;
  kind: string;
  epoch: number;
  by: string;
  size: number;
  uploads: number;
  base: string | undefined;
  /** The last time that an instance restored it to see whether it is whole. */
  drill?: Drilled | undefined;
}

/** Since when visitors get a page instead of the site, and who does not. */
export interface Maintenance {
  since: string;
  by: string;
  allow: readonly string[];
}
