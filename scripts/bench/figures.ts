/** What the bench measures; the JSON of `npm run bench -- --json`. Seconds and megabytes (10^6 bytes) unless named otherwise. */
import type { Boot } from "../rehearsal/result.ts";
import type { Large } from "../state/large.ts";
import type { Outage } from "../state/outage.ts";
import type { Spread } from "./stats.ts";

export const bootKinds = ["article", "first", "replacement", "baked"] as const;
export type BootKind = (typeof bootKinds)[number];

export interface BootFigure extends Spread {
  /** The agent's own part: from the start of its process until the site's records are INSYNC. Not of `article`. */
  agent?: Spread;
  /** Processor time of the whole machine until the records are INSYNC, user and kernel. Not of `article`. */
  processor?: Spread;
  /** What it waited for its certificate, once the app answered: the first boot of a site alone orders one then. */
  certificate?: Spread;
  /** The run whose total is the median's nearest: its parts one after the other, or the agent's steps. */
  typical: Boot;
}

/** Why there is no figure. */
export interface Absent {
  absent: string;
}

export interface Figures {
  when: string;
  machine: {
    processors: number;
    model: string;
    memoryGB: number;
    /** Of the processor time wanted while measuring, what a virtual machine's host kept back. */
    stolenPercent?: number;
  };
  /** From the start of user data to the first HTTPS 200 by name. */
  boot?: Partial<Record<BootKind, BootFigure | Absent>>;
  up?: { seconds: Spread; calls: Spread; writes: Spread };
  swap?: { seconds: Spread; drain: number };
  inPlace?: { seconds: Spread };
  packaging?: { secondsPer10MB: Spread; releaseMB: number };
  agent?: {
    bundleBytes: number;
    /** From the start of node to the agent's first word, with its compile cache filled. */
    readyMilliseconds: Spread;
    /** Without one, as on an instance's first start. */
    readyColdMilliseconds: Spread;
  };
  memory?: {
    startMB: number;
    peakMB: number;
    afterHourMB: number;
    slopeMBPerHour: number;
    /** How often it looked for a notice of AWS in that hour. */
    looks: number;
    requests: { metadata: number; aws: number };
    samples: { minute: number; MB: number }[];
  };
  /** With all that may be turned on, and without; the replacements took turns. */
  day?: DayFigure;
  throughput?: {
    /** Requests per second. */
    bare: Spread;
    nginx: Spread;
    /** As visitors come: HTTPS, connections kept. */
    https: Spread;
    path: string;
  };
  /** A page on what a machine of this type has without credits: requests per second, so many clients at once. */
  app?: {
    type: string;
    workers: number;
    atOnce: number;
    rates: { threads: number; page: string; about: string; rate: Spread }[];
  };
  /** Requests while a site with state is held on its way to another instance. */
  hold?: {
    requests: Spread;
    /** Not answered with 200 by one of the two apps, once. */
    failed: Spread;
    /** At the end of the hold. */
    waiting: Spread;
    longest: Spread;
    /** A second. */
    rate: number;
    /** Of the hold. */
    seconds: number;
  };
  /** Holding a layer of packages against Debian's signatures: user and kernel, apt and its verifier among it. */
  layer?: { processorSeconds: Spread; layerMB: number };
  sizes?: SizeFigure[];
  /** What keeps a site's state, and Litestream on the same machine against the same S3, whose PUTs take 30 ms. */
  state?: { everspot: KeeperFigures; litestream: KeeperFigures | Absent };
  /** A restore of 1 MB with a whole day's entries behind its base. */
  stateDay?: { entries: number; seconds: number; resident: number };
}

export const daySides = ["plain", "full"] as const;
export type DaySide = (typeof daySides)[number];

export interface DayFigure extends Record<DaySide, DayFigures> {
  /** Those of the full one as parts of the plain one's, turn by turn. */
  boot: Spread;
  processor?: Spread;
}

export interface DayFigures {
  boot: Spread;
  /** Of the whole machine until the records are INSYNC. */
  processor?: Spread;
  /** What the agent has resident once a replacement is quiet; at most while its commands are used; at most while it booted. */
  startMB: Spread;
  mostMB: Spread;
  bootMB: Spread;
}

export interface KeeperFigures {
  idleCallsPerHour: number;
  /** Megabytes of 2^20 bytes; at most. */
  memory: { resident: number; private: number };
  /**
   * Of power cuts at so many commits a second: how long before it the oldest commit was made that is lost, in seconds;
   * how many took any; and of how many nothing could be restored.
   */
  loss: { pace: number; cuts: number; lossy: number; broken: number; seconds: Spread }[];
  /** `resident`: what the process that does it has at most. */
  restore: { megabytes: number; seconds: Spread; resident: number }[];
  /** The same of 1 MB with so many entries behind its base. */
  longLog?: { entries: number; seconds: number; resident: number }[];
  /** S3 out of reach for a while. */
  outages?: Outage[];
  large?: Large[];
  /** Milliseconds of a request that waits for the bucket, and of a PUT then. */
  waits?: { clients: number; median: number; slowest: number; put: number }[];
  handOver?: Spread;
  /** Requests that failed in each of them, and seconds that one took at most. */
  handOverFailed?: Spread;
  handOverLongest?: Spread;
  /** From an owner that goes on writing as fast as it can; and what it acknowledged that is lost. */
  takeover?: Spread;
  takeoverLost?: number;
}

export interface SizeFigure {
  releaseMB: number;
  /** The whole of `everspot deploy`, drain included. */
  deploy: Spread;
  pack: Spread;
  publish: Spread;
  /** From the start of user data of the new instance until it has the records. */
  boot: Spread;
  /** The agent's step that fetches, checks and unpacks. */
  fetch: Spread;
  /** Most that the agent's process ever had resident in that boot. */
  agentPeakMB: Spread;
}

export const isMeasured = (figure: BootFigure | Absent | undefined): figure is BootFigure =>
  figure !== undefined && "median" in figure;
