import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { Machine } from "../machine/machine.ts";
import type { BootLog } from "../record/recorder.ts";
import type { DeployState } from "../site/documents/deploy-state.ts";
import { messageOf } from "../site/errors.ts";

export interface BringContext {
  machine: Pick<Machine, "bringing">;
  recorder: Pick<BootLog, "change" | "event">;
  log: Pick<Logger, "info" | "warn">;
  signal: AbortSignal;
  /** What this instance owns the site with. */
  owned(): { epoch: number; release: string } | undefined;
  /** Restarts the agent: from then on it hands the site over with what it has written. */
  restart(): void;
}

/**
 * A deploy that turns `[state]` on has the instance that serves bring what it has written to the bucket, before another one
 * is launched; and the last of it when the site passes on (agent/keeping/bringer.ts). The boot record says how far that is.
 */
export class BringAlong {
  readonly #context: BringContext;
  readonly #begun = new Set<string>();
  #last: Promise<void> = Promise.resolve();

  constructor(context: BringContext) {
    this.#context = context;
  }

  begin({ id, takes }: Pick<DeployState, "id" | "takes">): void {
    if (takes === undefined || this.#begun.has(id)) return;
    this.#begun.add(id);
    this.#last = this.#last.then(() => this.#bring(id, takes));
  }

  ended(): Promise<void> {
    return this.#last;
  }

  async #bring(deploy: string, takes: NonNullable<DeployState["takes"]>): Promise<void> {
    const { machine, recorder, log, signal, owned, restart } = this.#context;
    const note = (state: "running" | "ready" | "failed", detail?: string): void =>
      recorder.change({ brought: { deploy, state, detail } });
    const at = owned();
    const { bringing } = machine;
    if (at === undefined) return;
    if (bringing === undefined) return note("failed", "it keeps what it writes in the bucket already");
    if (isDeepStrictEqual(bringing.what, takes)) return note("ready");
    try {
      note("running");
      await bringing.begin(takes, at, (detail) => note("running", detail), signal);
      recorder.event("what is written here is brought to the bucket from now on");
      log.info("starts again, to hand over what the site has written");
      restart();
    } catch (error) {
      if (signal.aborted) return;
      log.warn(`what the site has written is not brought along: ${messageOf(error)}`);
      note("failed", messageOf(error));
    }
  }
}
