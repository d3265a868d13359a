import type { Clock } from "../../agent/site/clock.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import type { Questions } from "../cli/questions.ts";
import type { Terminal } from "../cli/terminal.ts";
import type { Arch, SiteConfig } from "../config/site-config.ts";
import type { Probe } from "../probe.ts";
import type { PublicDns } from "../resolver.ts";

/** What the commands use of this computer; AWS comes through `connect`. */
export interface Tools {
  terminal: Terminal;
  questions: Questions;
  publicDns: PublicDns;
  probe: Probe;
  clock: Clock;
  /** The agent's archive for an architecture; SHA-256 in hex. */
  agentArchive(arch: Arch): Promise<{ file: string; sha256: string }>;
  /** Packs the project's folder and publishes it as the candidate. @returns one line about it. */
  publishFirstRelease(
    config: SiteConfig,
    store: ObjectStore,
    onProgress: (text: string) => void,
  ): Promise<string>;
}
