import { EverspotError } from "../errors.ts";

/** What lies in the bucket is not what everspot writes there. */
export class Damaged extends EverspotError {
  constructor(resource: string, what: string, cause?: unknown) {
    super(`${resource} ${what}`, {
      resource,
      hint: "the bucket keeps earlier versions of each object; `everspot data pull --to` reads up to the damage",
      cause,
    });
  }
}

/** A later owner has the log: nothing may be acknowledged any more. */
export class Fenced extends Error {
  override readonly name = "Fenced";
  readonly epoch: number;
  constructor(epoch: number) {
    super(`epoch ${epoch} has the log`);
    this.epoch = epoch;
  }
}
