import type { ObjectStore } from "../../agent/site/store.ts";
import type { Aws } from "../aws/connect.ts";
import type { SiteConfig } from "../config/site-config.ts";
import type { Finding } from "../findings/finding.ts";
import { showFindings } from "../operator/show-findings.ts";
import type { Change } from "../plan/plan.ts";
import type { Packed } from "../release/pack.ts";
import { condemnedBefore, publishRelease } from "../release/publish.ts";
import { tellProgress } from "../release/tell-progress.ts";
import { discard, pack, sizeOf } from "./package.ts";
import type { ProjectTools } from "./project-tools.ts";

/** Ctrl-C ends `up` and `plan` where they are: who runs them again goes on from there. */
const UNINTERRUPTED = new AbortController().signal;

/** The release that `up` publishes: packed before anything is changed in AWS, for that may show that it cannot be. */
export class FirstRelease {
  readonly #config: SiteConfig;
  readonly #tools: ProjectTools;
  #packed: Promise<Packed> | undefined;

  constructor(config: SiteConfig, tools: ProjectTools) {
    this.#config = config;
    this.#tools = tools;
  }

  /**
   * Looks at the project and packs it, where the change publishes it.
   * @returns what stands against it, and what packing threw.
   */
  async ready(
    { actions, wanted }: Change,
    secrets: Pick<Aws["secrets"], "list">,
  ): Promise<{ findings: readonly Finding[]; packing: unknown }> {
    if (!actions.some((a) => a.do === "publish-release")) return { findings: [], packing: undefined };
    const set = (await secrets.list()).map((s) => s.name);
    const { findings } = await this.#step(
      "look at the project",
      () => this.#tools.inspect(this.#config, [...wanted.randomSecrets, ...set], UNINTERRUPTED),
      ({ how }) => how,
    );
    const warnings = findings.filter((f) => f.level === "warning");
    showFindings(this.#tools.terminal, warnings);
    const packing = await this.#pack().then(
      () => undefined,
      (error: unknown) => error,
    );
    return { findings, packing };
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
    const { terminal } = this.#tools;
    const packed = await this.#step(
      "pack",
      () => pack(this.#config, this.#tools, { allow: [] }, UNINTERRUPTED),
      sizeOf,
    );
    const { silence } = this.#config;
    showFindings(
      terminal,
      packed.findings.filter((f) => !silence.includes(f.id)),
    );
    return packed;
  }

  async #step<T>(what: string, work: () => Promise<T>, detail: (value: T) => string): Promise<T> {
    const { terminal, clock } = this.#tools;
    const began = clock.now();
    const seconds = () => (clock.now() - began) / 1000;
    terminal.begin(what);
    try {
      const value = await work();
      terminal.done(what, seconds(), detail(value));
      return value;
    } catch (error) {
      terminal.failed(what, seconds());
      throw error;
    }
  }
}
