import type { Clock } from "../../agent/site/clock.ts";
import type { Arch } from "../../agent/site/config/fleet.ts";
import type { Encoding } from "../../agent/site/store.ts";
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
  agentArchive(arch: Arch): Promise<AgentArchive>;
}
