import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { systemClock } from "../../agent/site/clock.ts";
import { type Bucket, startBucket } from "./bucket.ts";
import { Instance, type Programs } from "./instance.ts";
import { type Held, judge, Ledger, type Verdict } from "./ledger.ts";

/** Milliseconds that a client thinks between two requests. */
const THINKS = 5;

/** A site without machines: one instance after the other over one bucket, and visitors who keep what they were told. */
export class StateSite {
  readonly bucket: Bucket;
  readonly ledger = new Ledger();
  readonly #programs: Programs;
  readonly #folder: string;
  readonly #durability: "fast" | "s3";
  readonly #end = new AbortController();
  #visitors: Promise<void>[] = [];
  #epoch = 0;
  #clients = 0;
  /** Whom visitors are sent to. */
  current: Instance | undefined;

  private constructor(programs: Programs, bucket: Bucket, folder: string, durability: "fast" | "s3") {
    this.#programs = programs;
    this.bucket = bucket;
    this.#folder = folder;
    this.#durability = durability;
  }

  static async start(programs: Programs, durability: "fast" | "s3"): Promise<StateSite> {
    const folder = await mkdtemp(path.join(tmpdir(), "everspot-state-"));
    return new StateSite(programs, await startBucket(), folder, durability);
  }

  /** A new owner takes the log, restores, and is open. Visitors are sent to it. @returns seconds it took. */
  async take(): Promise<number> {
    const begun = performance.now();
    const epoch = ++this.#epoch;
    const next = new Instance(
      this.#programs,
      this.bucket,
      path.join(this.#folder, String(epoch)),
      epoch,
      this.#durability,
    );
    try {
      await next.takeOver();
      await next.ship();
      await next.serve();
      await next.order("open");
    } catch (error) {
      const { said } = next;
      await next.destroy();
      throw new Error(`epoch ${epoch} did not take over: ${said}`, { cause: error });
    }
    this.current = next;
    return (performance.now() - begun) / 1000;
  }

  /** Planned: visitors wait, the app ends, everything is shipped and sealed, and the next one takes over. */
  async handOver(): Promise<number> {
    const begun = performance.now();
    const old = this.current;
    this.current = undefined;
    await old?.endApp();
    await old?.order("seal");
    await this.take();
    await old?.destroy();
    return (performance.now() - begun) / 1000;
  }

  /** The machine loses its power, and its disk is gone. @returns when, in milliseconds. */
  async cutPower(): Promise<number> {
    const old = this.current;
    this.current = undefined;
    const at = performance.now();
    await old?.destroy();
    return at;
  }

  /** @param count of clients that write, one request after the other; and one that reads. */
  visit(count: number, { reader = true, bytes = 200 } = {}): void {
    for (let i = 0; i < count; i++) this.#visitors.push(this.#write(`c${++this.#clients}`, bytes));
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

  /** What is in the bucket, and only that, against what visitors were told. */
  async check(): Promise<Verdict> {
    const into = new Instance(
      this.#programs,
      this.bucket,
      path.join(this.#folder, `check-${performance.now()}`),
      1,
      "fast",
    );
    await into.restore();
    const script = path.join(import.meta.dirname, "check.py");
    const { stdout } = await execa("/usr/bin/python3", [script, into.database], { maxBuffer: 1e9 });
    await rm(into.folder, { recursive: true });
    return judge(this.ledger, JSON.parse(stdout) as Held);
  }

  async close(): Promise<void> {
    await this.leave();
    await this.current?.destroy();
    await this.bucket.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #write(client: string, bytes: number): Promise<void> {
    for (let n = 1; !this.#end.signal.aborted; n++) {
      const instance = await this.#somebody();
      if (instance !== undefined) await this.#post(instance, client, n, bytes);
      await systemClock.sleep(THINKS * 2 * Math.random());
    }
  }

  /** What got no answer, or another one than 200, may be there or not. */
  async #post(instance: Instance, client: string, n: number, bytes: number): Promise<void> {
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
