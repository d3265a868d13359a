/** How a command ended, and what its job's document says of it. Pure. */
import { RUN_ENDS, type RunEnd } from "../site/runs/documents.ts";
import type { End } from "./play.ts";

/** All but how long it took. */
export type Outcome = Omit<RunEnd, "seconds">;

/** Why a command does not begin. */
export class Refusal extends Error {
  readonly how: "refused" | "cancelled";
  constructor(how: "refused" | "cancelled", message: string) {
    super(message);
    this.how = how;
  }
}

/** How a run that was asked for ended, as the job's document has it. */
export const jobEnd = ({ how, exitCode, reason }: Outcome): Omit<End, "seconds"> => {
  const why = reason === undefined ? {} : { reason };
  if (how === "ended") return { how: exitCode === 0 ? "done" : "failed", exitCode, ...why };
  if (how === "timeout" || how === "memory") return { how, ...why };
  return { how: "interrupted", ...why, ...(how !== "interrupted" && { reason: reason ?? how }) };
};

export const endOf = (how: Exclude<RunEnd["how"], "ended">, parts: number, reason?: string): Outcome => ({
  ...{ how, exitCode: RUN_ENDS[how], parts },
  ...(reason !== undefined && { reason }),
});
