import type { ObjectStore } from "../../agent/site/store.ts";
import type { SiteConfig } from "../config/site-config.ts";
import { showFindings } from "../operator/show-findings.ts";
import type { Tools } from "../operator/tools.ts";
import type { Change } from "../plan/plan.ts";
import type { Packed } from "../release/pack.ts";
import { condemnedBefore, publishRelease } from "../release/publish.ts";
import { tellProgress } from "../release/tell-progress.ts";
import { discard, pack, sizeOf } from "./package.ts";

/** Ctrl-C ends `up` and `plan` where they are: who runs them again goes on from there. */
const UNINTERRUPTED = new AbortController().signal;

/** The release that `up` publishes: packed before anything is changed in AWS, for that may show that it cannot be. */
export class FirstRelease {
  readonly #config: SiteConfig;
  readonly #tools: Tools;
  #packed: Promise<Packed> | undefined;

  constructor(config: SiteConfig, tools: Tools) {
    this.#config = config;
    this.#tools = tools;
  }

  /** Packs where the change publishes. @returns undefined where it does not. @throws EverspotError */
  async prepare({ actions }: Change): Promise<Packed | undefined> {
    return actions.some((a) => a.do === "publish-release") ? this.#pack() : undefined;
  }

  /** As the candidate. @param template see PublishOptions. @returns one line about it. */
  async publish(store: ObjectStore, template: number | undefined): Promise<string> {
    const { holder, clock, terminal } = this.#tools;
    const packed = await this.#pack();
    const published = await publishRelease(store, packed, {
      ...{ by: holder, clock, template, onProgress: tellProgress(terminal.say) },
    });
    const again = condemnedBefore(published);
    if (again !== undefined) terminal.warn(again);
    return `${published.id}, ${sizeOf(packed)}`;
  }

  async discard(): Promise<void> {
    const packed = await this.#packed?.catch(() => undefined);
    if (packed !== undefined) await discard(packed);
  }

  #pack(): Promise<Packed> {
    this.#packed ??= this.#packNow();
    return this.#packed;
  }

  async #packNow(): Promise<Packed> {
    const { terminal, clock } = this.#tools;
    const began = clock.now();
    const seconds = () => (clock.now() - began) / 1000;
    terminal.begin("pack");
    try {
      const packed = await pack(this.#config, this.#tools, { allow: [] }, UNINTERRUPTED);
      terminal.done("pack", seconds(), sizeOf(packed));
      showFindings(terminal, packed.findings);
      return packed;
    } catch (error) {
      terminal.failed("pack", seconds());
      throw error;
    }
  }
}
