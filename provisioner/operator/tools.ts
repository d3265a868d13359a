import type { Clock } from "../../agent/site/clock.ts";
import type { Encoding } from "../../agent/site/store.ts";
import type { Arch, SiteConfig } from "../config/site-config.ts";
import type { Inspection } from "../project/inspect.ts";
import type { Packed } from "../release/pack.ts";
import type { OnProgress } from "../release/progress.ts";
import type { Browse } from "./browser.ts";
import type { Probe } from "./probe.ts";
import type { Questions } from "./questions.ts";
import type { PublicDns } from "./resolver.ts";
import type { ReadServed } from "./served.ts";
import type { Stdio } from "./stdio.ts";
import type { Terminal } from "./terminal.ts";

/** What instances run; see archive/agent-archive.ts. */
export interface AgentArchive {
  file: string;
  /** Hex, of the tar inside. */
  sha256: string;
  encoding: Encoding;
}

/** What the commands use of this computer; AWS comes through `connect`. */
export interface Tools {
  terminal: Terminal;
  questions: Questions;
  stdio: Stdio;
  publicDns: PublicDns;
  probe: Probe;
  browse: Browse;
  readServed: ReadServed;
  clock: Clock;
  /** Who runs this: "ann@laptop", or the page of a run. */
  holder: string;
  /** Aborted by the first Ctrl-C from this call on; the second ends the program at once. */
  interrupted(): AbortSignal;
  /**
   * What stands against serving the project as it is configured.
   * @param secrets names of those that the app will find; undefined where nobody may look.
   * @param options `checks`: with what `manage.py check --deploy` says.
   */
  inspect(
    config: SiteConfig,
    secrets: readonly string[] | undefined,
    signal: AbortSignal,
    options?: { checks: boolean },
  ): Promise<Inspection>;
  /** A release of the project's folder; the caller removes the folder of its file. */
  pack(
    config: SiteConfig,
    options: { allow: readonly string[]; signal: AbortSignal; onProgress: OnProgress },
  ): Promise<Packed>;
  agentArchive(arch: Arch): Promise<AgentArchive>;
}
