import type { RealCloud } from "../../test/cloud/real.ts";
import type { Series } from "../state/series.ts";
import type { Rehearsal } from "./rehearsal.ts";
import type { Result } from "./result.ts";
import type { RehearsedSite } from "./site.ts";

/** One story, played on real parts. It adds what it found to the result, and what must not happen to `problems`. */
export interface StagedScenario {
  name: string;
  /** One line for `--help` and the table of `--all`. */
  about: string;
  /** Put into the site's everspot.toml. */
  overrides?: Record<string, unknown>;
  /** Makes a site's folder of its own ready, in the place of the one that is given. @param to that folder. */
  prepare?(cloud: RealCloud, to: string, say: (line: string) => void): Promise<RehearsedSite>;
  /** Whether burstable machines have no more of the processor than they pay for; always with `--as-aws`. */
  credits?: boolean;
  /** @param series for a story that is one. */
  run(rehearsal: Rehearsal, result: Result, series: Series): Promise<void>;
}

/** A story about one part of everspot, which needs no site and brings what it needs. */
export interface LoneScenario {
  name: string;
  about: string;
  runAlone(result: Result, say: (line: string) => void): Promise<void>;
}

export type Scenario = StagedScenario | LoneScenario;
