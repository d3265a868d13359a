/** What a plan has made for a fleet, and takes back where AWS then refuses to change the fleet. */
import { EverspotError, messageOf } from "../../agent/site/errors.ts";
import type { Aws } from "../aws/connect.ts";
import { isRefusal } from "../aws/errors.ts";
import type { UpAction } from "../plan/actions.ts";

interface Step {
  /** What it undoes. */
  what: string;
  undo: () => Promise<void>;
}

/** Only what would be in the way of the next command is listed: an agent in the bucket is not. */
export class TakeBack {
  readonly #aws: Pick<Aws, "fleets">;
  readonly #steps: Step[] = [];
  readonly #versions = new Set<string>();

  constructor(aws: Pick<Aws, "fleets">) {
    this.#aws = aws;
  }

  /** A version that was made of a launch template. */
  version(template: { id: string; version: number }, undo: () => Promise<void>): void {
    this.#versions.add(name(template));
    this.add(`version ${template.version} of the launch template`, undo);
  }

  add(what: string, undo: () => Promise<void>): void {
    this.#steps.push({ what, undo });
  }

  /**
   * @param error what an action failed with. @returns what to throw instead: where AWS refused to change what a fleet
   * launches, and no fleet launches by what was made, nothing of it is left.
   */
  async after(action: UpAction, error: unknown): Promise<unknown> {
    if (action.do !== "change-fleet" && action.do !== "change-bridge") return error;
    if (!isRefusal(error) || (await this.#isUsed())) return error;
    const left: string[] = [];
    for (const { what, undo } of this.#steps.reverse()) {
      await undo().catch((cause: unknown) => left.push(`not undone: ${what}: ${messageOf(cause)}`));
    }
    return new EverspotError(`AWS does not let a fleet launch something else: ${messageOf(error)}`, {
      cause: error,
      lines: left,
      hint: `${left.length === 0 ? "nothing was changed; " : ""}everspot.toml as it was before goes on working; \`everspot down\` and \`everspot up\` bring the new one, with the site away meanwhile and its certificate kept`,
    });
  }

  /** True also while a fleet is being changed: it might come to launch by it. */
  async #isUsed(): Promise<boolean> {
    const fleets = await this.#aws.fleets.look().catch(() => undefined);
    return (
      fleets === undefined ||
      fleets.some(
        (f) => f.alive && (f.state === "modifying" || (f.template && this.#versions.has(name(f.template)))),
      )
    );
  }
}

const name = ({ id, version }: { id: string; version: number }): string => `${id} ${version}`;
