import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { DRAIN_SECONDS } from "../../agent/ownership/state-swap.ts";
import { systemClock } from "../../agent/site/clock.ts";
import { BASE_PREFIX } from "../../agent/site/state/keys.ts";
import { restore } from "../../agent/site/state/restore.ts";
import { unzstd } from "../../provisioner/data/unzstd.ts";
import { type Bucket, startBucket } from "./bucket.ts";
import { heldIn } from "./held.ts";
import { Instance, type Programs } from "./instance.ts";
import { judge, judgeMoment, Ledger, type Verdict } from "./ledger.ts";
import { Relay } from "./relay.ts";

/** Milliseconds that a client thinks between two requests, unless it is said how many there are. */
const THINKS = 5;
/** Megabytes of a disk. */
const DISK = 400;

export interface SiteOptions {
  durability: "fast" | "s3";
  /** Seconds of the past that stay in the bucket. */
  history?: number;
  /** Whether each instance has a disk of its own, which can be full: in a sandbox. */
  disks?: boolean;
  /** Whether each has a line of its own to S3, which can be cut. */
  lines?: boolean;
}

/** A site without machines: one instance after the other over one bucket, and visitors who keep what they were answered. */
export class StateSite {
  readonly bucket: Bucket;
  readonly ledger = new Ledger();
  readonly #programs: Programs;
  readonly #folder: string;
  readonly #options: SiteOptions;
  readonly #end = new AbortController();
  #visitors: Promise<void>[] = [];
  readonly #instances: Instance[] = [];
  #epoch = 0;
  #clients = 0;
  /** When the power went last, in milliseconds of this process's clock. */
  powerCut = 0;
  /** Whom visitors are sent to. */
  current: Instance | undefined;

  private constructor(programs: Programs, bucket: Bucket, folder: string, options: SiteOptions) {
    this.#programs = programs;
    this.bucket = bucket;
    this.#folder = folder;
    this.#options = options;
  }

  static async start(programs: Programs, options: SiteOptions): Promise<StateSite> {
    const folder = await mkdtemp(path.join(tmpdir(), "everspot-state-"));
    return new StateSite(programs, await startBucket(), folder, options);
  }

  /** @throws when no one has it. */
  get owner(): Instance {
    if (this.current === undefined) throw new Error("nobody has the site");
    return this.current;
  }

  /**
   * A new owner takes the log, restores, and is open. Visitors are sent to it.
   * @param clock seconds that it takes it to be later than it is. @returns seconds it took.
   */
  async take({ clock = 0 } = {}): Promise<number> {
    const begun = performance.now();
    const next = await this.next(clock);
    try {
      await next.takeOver();
      await next.ship();
      await next.serve();
      await next.order("open");
    } catch (error) {
      const { epoch, said } = next;
      await next.destroy();
      throw new Error(`epoch ${epoch} did not take over: ${said}`, { cause: error });
    }
    this.current = next;
    return (performance.now() - begun) / 1000;
  }

  /** That no one has had. */
  newEpoch(): number {
    return ++this.#epoch;
  }

  /** Another instance, which has not begun with anything. @param clock see `take`. */
  async next(clock = 0): Promise<Instance> {
    const epoch = this.newEpoch();
    const next = new Instance(
      this.#programs,
      this.bucket,
      path.join(this.#folder, String(epoch)),
      epoch,
      this.#options.durability,
    );
    next.clock = clock;
    next.history = this.#options.history ?? 0;
    if (this.#options.disks) await next.mount(DISK);
    this.#instances.push(next);
    if (this.#options.lines) next.line = await Relay.to(this.bucket.server.endpoint);
    return next;
  }

  /** Planned: visitors wait, what runs gets its time, the app ends, everything is shipped and sealed, and the next one takes over. */
  async handOver(): Promise<number> {
    const begun = performance.now();
    const old = this.current;
    this.current = undefined;
    for (let i = 0; i < DRAIN_SECONDS * 100 && (old?.underWay ?? 0) > 0; i++) await systemClock.sleep(10);
    await old?.endApp();
    await old?.order("seal");
    await this.take();
    await old?.destroy();
    return (performance.now() - begun) / 1000;
  }

  /** The machine loses its power, and its disk is gone. */
  async cutPower(): Promise<void> {
    const old = this.current;
    this.current = undefined;
    this.powerCut = performance.now();
    await old?.destroy();
  }

  /**
   * @param count of clients that write, one request after the other; and one that reads.
   * @param thinks milliseconds between two requests of one client.
   */
  visit(count: number, { reader = true, bytes = 200, thinks = THINKS } = {}): void {
    for (let i = 0; i < count; i++) this.#visitors.push(this.#write(`c${++this.#clients}`, bytes, thinks));
    if (reader) this.#visitors.push(this.#read());
  }

  /** A visitor that never hears that the site has moved: it goes on with one instance. */
  async visitOnly(instance: Instance, seconds: number): Promise<void> {
    const client = `z${++this.#clients}`;
    const until = performance.now() + seconds * 1000;
    for (let n = 1; performance.now() < until; n++) await this.#post(instance, client, n, 200);
  }

  async leave(): Promise<void> {
    this.#end.abort(new Error("visitors leave"));
    await Promise.all(this.#visitors);
  }

  /** What is in the bucket, and only that, against what visitors were answered. */
  async check(): Promise<Verdict> {
    const into = new Instance(
      this.#programs,
      this.bucket,
      path.join(this.#folder, `check-${performance.now()}`),
      1,
      "fast",
    );
    await into.restore();
    const held = await heldIn(into.database);
    await rm(into.folder, { recursive: true });
    return judge(this.ledger, held);
  }

  /** What was in the bucket at a moment. @param at milliseconds of this process's clock. */
  async checkMoment(at: number): Promise<{ integrity: string; missing: string[]; early: string[] }> {
    const folder = path.join(this.#folder, `moment-${at}`);
    const until = new Date(performance.timeOrigin + at).toISOString();
    try {
      const { files } = await restore(this.bucket.state, folder, { until, unzstd });
      const held = await heldIn(path.join(folder, files[0] ?? ""));
      return { integrity: held.integrity, ...judgeMoment(this.ledger, held, at) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** The newest base in the bucket loses its second half, if there is one. */
  async damageNewestBase(): Promise<void> {
    const { state } = this.bucket;
    const newest = (await state.list(BASE_PREFIX)).objects.at(-1);
    const bytes = newest && (await state.get(newest.key));
    if (newest !== undefined && bytes !== undefined)
      await state.put(newest.key, bytes.subarray(0, bytes.length >> 1));
  }

  async close(): Promise<void> {
    await this.leave();
    for (const instance of this.#instances) await instance.destroy();
    await this.bucket.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #write(client: string, bytes: number, thinks: number): Promise<void> {
    for (let n = 1; !this.#end.signal.aborted; n++) {
      const begun = performance.now();
      const instance = await this.#somebody();
      if (instance !== undefined) await this.#post(instance, client, n, bytes);
      this.ledger.longest = Math.max(this.ledger.longest, performance.now() - begun);
      await systemClock.sleep(thinks * 2 * Math.random());
    }
  }

  /** What got no answer, or another one than 200, may be there or not. */
  async #post(instance: Instance, client: string, n: number, bytes: number): Promise<void> {
    this.ledger.begun.set(`${client} ${n}`, performance.now());
    const { status } = await instance
      .ask("POST", `/write?client=${client}&n=${n}&bytes=${bytes}`)
      .catch(() => ({ status: 0 }));
    if (status === 200) {
      this.ledger.acknowledged.set(`${client} ${n}`, performance.now());
      if (instance.stopped) this.ledger.late.add(`${client} ${n}`);
    } else {
      this.ledger.refused++;
    }
  }

  async #read(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const instance = await this.#somebody();
      const answer = await instance?.ask("GET", "/").catch(() => undefined);
      if (answer?.status === 200) this.ledger.show(JSON.parse(answer.body));
      await systemClock.sleep(THINKS * 2 * Math.random());
    }
  }

  async #somebody(): Promise<Instance | undefined> {
    while (this.current === undefined && !this.#end.signal.aborted) await systemClock.sleep(5);
    return this.current;
  }
}
