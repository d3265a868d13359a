import { randomBytes } from "node:crypto";
import { channelDocument } from "../../agent/site/channel.ts";
import type { Clock } from "../../agent/site/clock.ts";
import { readDocument, updateDocument } from "../../agent/site/document.ts";
import { siteDocument } from "../../agent/site/documents/site-state.ts";
import { EverspotError } from "../../agent/site/errors.ts";
import { keys } from "../../agent/site/names.ts";
import { ring } from "../../agent/site/runs/bell.ts";
import {
  RUN_ENDS,
  RUN_EXPIRES_SECONDS,
  type RunRequest,
  requestDocument,
} from "../../agent/site/runs/documents.ts";
import type { ObjectStore } from "../../agent/site/store.ts";

/** What is to be run. */
export type Wanted = Pick<RunRequest, "kind" | "words" | "timeout" | "memory" | "environment"> & {
  /** Variables that go by way of the Parameter Store. */
  secrets: Readonly<Record<string, string>>;
  /** All that it is to read; undefined: that comes later. */
  input: readonly Uint8Array[] | undefined;
};

/** EC2's instances of the site. @param known see provisioner/aws/instances.ts. */
interface Instances {
  look(known?: string): Promise<readonly { id: string; alive: boolean }[]>;
}

/** The exit code when nothing was run. */
export const NOT_RUN = RUN_ENDS.refused;

/** Who would run it. `date`: of the bucket. @throws EverspotError when there is no one. */
export async function whoRuns(aws: {
  store: ObjectStore;
  instances: Instances;
}): Promise<{ instance: string; date: Date }> {
  const [site, channel] = await Promise.all([
    readDocument(aws.store, siteDocument),
    readDocument(aws.store, channelDocument),
  ]);
  const none = (message: string, hint: string): EverspotError =>
    new EverspotError(message, { hint, exitCode: NOT_RUN });
  if (site.value === undefined || site.date === undefined) {
    throw none(
      "no instance has served this site yet",
      "`everspot up` brings it up, `everspot status` shows its state",
    );
  }
  if (channel.value?.current === undefined) {
    throw none("no release serves yet: there is nothing to run a command in", "`everspot deploy` makes one");
  }
  const { owner } = site.value;
  const instances = await aws.instances.look(owner);
  if (instances.some(({ id, alive }) => id === owner && alive)) return { instance: owner, date: site.date };
  throw none(
    `${owner}, which served the site last, is gone`,
    "`everspot status` shows whether the next instance is on its way; run the command again once it serves",
  );
}

/** A command that was asked for; only this process writes what is asked. */
export class Asked {
  readonly id: string;
  /** Parts of stdin that were sent. */
  parts: number;
  readonly #store: ObjectStore;
  readonly #clock: Clock;

  private constructor(id: string, parts: number, store: ObjectStore, clock: Clock) {
    this.id = id;
    this.parts = parts;
    this.#store = store;
    this.#clock = clock;
  }

  /** @param date of the bucket, now. */
  static async begin(
    {
      store,
      runSecrets,
    }: { store: ObjectStore; runSecrets: { make(name: string, value: string): Promise<void> } },
    wanted: Wanted,
    { by, date, clock }: { by: string; date: Date; clock: Clock },
  ): Promise<Asked> {
    const { secrets, input = [], ...rest } = wanted;
    const id = `${date.toISOString().replace(/[-:]|\.\d+Z$/g, "")}-${randomBytes(4).toString("hex")}`;
    for (const [name, value] of Object.entries(secrets)) await runSecrets.make(`${id}.${name}`, value);
    for (const [part, bytes] of input.entries()) await store.put(keys.runInput(id, part), bytes);
    const request: Omit<RunRequest, "nonce"> = {
      ...{
        version: rest.kind === "job" ? 2 : 1,
        by,
        ...rest,
        secrets: Object.keys(secrets).length > 0,
        cancelled: false,
      },
      asked: date.toISOString(),
      expires: new Date(date.getTime() + RUN_EXPIRES_SECONDS * 1000).toISOString(),
      stdin: { parts: input.length, ended: wanted.input !== undefined },
    };
    await updateDocument(
      store,
      requestDocument(id),
      (current) => (current === undefined ? request : undefined),
      clock,
    );
    await ring(store, clock, id);
    return new Asked(id, input.length, store, clock);
  }

  /** More of what the command is to read. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.#store.put(keys.runInput(this.id, this.parts), bytes);
    this.parts++;
    await this.#change({ stdin: { parts: this.parts, ended: false } });
  }

  /** There is no more to read. */
  endInput = (): Promise<void> => this.#change({ stdin: { parts: this.parts, ended: true } });

  /** From then on it is not begun; where it runs, it is asked to stop. */
  cancel = (): Promise<void> => this.#change({ cancelled: true });

  async #change(change: Partial<RunRequest>): Promise<void> {
    const next = (current: RunRequest | undefined) => current && { ...current, ...change };
    await updateDocument(this.#store, requestDocument(this.id), next, this.#clock);
    await ring(this.#store, this.#clock);
  }
}
