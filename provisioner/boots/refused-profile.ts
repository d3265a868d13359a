import type { Clock } from "../../agent/site/clock.ts";
import type { Aws } from "../aws/connect.ts";
import { isRefusal } from "../aws/errors.ts";

/** From the first word of a refusal to a new try: until then EC2 may not know the profile either. */
const WAIT_SECONDS = 15;
/** New versions at most: a profile that is still not known then has another flaw. */
const MOST = 3;

/**
 * A fleet that met an instance profile which EC2 did not know yet leaves that version of the launch template alone for
 * minutes (its history: launchSpecTemporarilyBlacklisted). One that is the same in all but its number it tries at once.
 */
export class RefusedProfile {
  readonly #aws: Pick<Aws, "fleets" | "templates">;
  readonly #clock: Clock;
  #since: number | undefined;
  #answered = 0;
  #made = 0;

  constructor(aws: Pick<Aws, "fleets" | "templates">, clock: Clock) {
    this.#aws = aws;
    this.#clock = clock;
  }

  /**
   * To be called at every look with how often the fleet was refused so far. Safe to repeat after an error.
   * @returns the version that the fleet launches by from now on; undefined when nothing was done.
   */
  async met(fleet: string, refusals: number): Promise<number | undefined> {
    if (refusals <= this.#answered || this.#made === MOST) return undefined;
    this.#since ??= this.#clock.now();
    if (this.#clock.now() - this.#since < WAIT_SECONDS * 1000) return undefined;
    const all = await this.#aws.fleets.settled();
    const template = all.find((f) => f.id === fleet)?.template;
    if (template === undefined) return undefined;
    this.#made++;
    const version = await this.#aws.templates.repeatVersion(template.id, template.version);
    let changed = false;
    for (const { id, pools } of all.filter((f) => f.alive && f.template?.id === template.id)) {
      try {
        await this.#aws.fleets.change(id, { launch: { template: { id: template.id, version }, pools } });
        changed = true;
      } catch (error) {
        if (changed || !isRefusal(error)) throw error;
        // The fleet tries again by itself, in some minutes; the next command must not take this version for its newest.
        await this.#aws.templates.deleteVersion(template.id, version);
        this.#made = MOST;
        return undefined;
      }
    }
    this.#answered = refusals;
    this.#since = undefined;
    return version;
  }
}
