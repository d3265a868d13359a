import type { Rehearsal } from "./rehearsal.ts";
import type { Result } from "./result.ts";

/** One story, told on real parts. It adds what it found to the result, and to `problems` what must not be. */
export interface Scenario {
  name: string;
  /** One line for `--help` and the table of `--all`. */
  about: string;
  /** Put into the site's everspot.toml. */
  overrides?: Record<string, unknown>;
  run(rehearsal: Rehearsal, result: Result): Promise<void>;
}
