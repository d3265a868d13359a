import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import type { Bucket } from "./bucket.ts";
import { Instance, type Programs } from "./instance.ts";
import { Peak } from "./memory.ts";

/** What keeps one database in a bucket: everspot's shipper, and Litestream beside it. */
export interface Keeper {
  /** Of the database; who writes to it comes after `start`. */
  readonly database: string;
  readonly pid: number | undefined;
  start(): Promise<void>;
  /** The machine loses its power: nothing of it is left. */
  destroy(): Promise<void>;
}

export interface Kept {
  name: string;
  /** @param folder of its own: its disk. */
  make(bucket: Bucket, folder: string, epoch: number): Keeper;
  /** Brings the database back, out of the bucket alone. */
  restore(bucket: Bucket, into: string): Promise<Restoring>;
}

/** What it took to bring a database back. */
export interface Restoring {
  seconds: number;
  /** Megabytes (2^20 bytes) at most. */
  resident: number;
}

export const everspot = (programs: Programs): Kept => ({
  name: "everspot",
  make: (bucket, folder, epoch) => {
    const instance = new Instance(programs, bucket, folder, epoch, "fast");
    return {
      database: instance.database,
      get pid() {
        return instance.pid;
      },
      start: async () => {
        await instance.takeOver();
        await instance.ship();
      },
      destroy: () => instance.destroy(),
    };
  },
  restore: async (bucket, into) => {
    const folder = `${into}.restore`;
    const instance = new Instance(programs, bucket, folder, 1, "fast");
    const begun = performance.now();
    await instance.restore();
    const seconds = (performance.now() - begun) / 1000;
    await execa("mv", [instance.database, into]);
    await instance.destroy();
    return { seconds, resident: instance.resident };
  },
});

/** @param program path of its binary, 0.5.17 or later. */
export const litestream = (program: string): Kept => ({
  name: "Litestream",
  make: (bucket, folder) => new Litestream(program, bucket, folder),
  restore: async (bucket, into) => {
    const config = `${into}.yml`;
    await writeFile(config, settings(bucket, into));
    const begun = performance.now();
    const restoring = execa(program, ["restore", "-config", config, into], {
      env: { PATH: process.env.PATH, ...bucket.env },
      extendEnv: false,
    });
    const peak = new Peak(restoring.pid);
    await restoring.finally(() => peak.stop());
    return { seconds: (performance.now() - begun) / 1000, resident: peak.most };
  },
});

/** As its own documentation has it: https://litestream.io/reference/config/; a sync each second is its default. */
const settings = (bucket: Bucket, database: string): string => `dbs:
  - path: ${database}
    replica:
      type: s3
      bucket: ${bucket.name}
      path: litestream
      region: us-east-1
      endpoint: ${bucket.server.endpoint}
      force-path-style: true
`;

class Litestream implements Keeper {
  readonly database: string;
  readonly #program: string;
  readonly #bucket: Bucket;
  readonly #folder: string;
  #running: ChildProcess | undefined;

  constructor(program: string, bucket: Bucket, folder: string) {
    this.#program = program;
    this.#bucket = bucket;
    this.#folder = folder;
    this.database = path.join(folder, "db.sqlite3");
  }

  get pid(): number | undefined {
    return this.#running?.pid;
  }

  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const config = path.join(this.#folder, "litestream.yml");
    await writeFile(config, settings(this.#bucket, this.database));
    // It wakes up to a database that is there.
    await execa("/usr/bin/python3", [
      "-c",
      "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1])\ndb.execute('PRAGMA journal_mode=WAL')\ndb.execute('CREATE TABLE IF NOT EXISTS rows (n INTEGER PRIMARY KEY, pad BLOB)')\ndb.commit()",
      this.database,
    ]);
    const before = this.#puts;
    this.#running = spawn(this.#program, ["replicate", "-config", config], {
      env: { PATH: process.env.PATH, ...this.#bucket.env },
      stdio: "ignore",
    });
    for (let i = 0; i < 200 && this.#puts === before; i++) await new Promise((done) => setTimeout(done, 50));
    if (this.#puts === before) throw new Error("Litestream wrote nothing to the bucket within 10 s");
  }

  async destroy(): Promise<void> {
    const running = this.#running;
    if (running !== undefined && running.exitCode === null && running.signalCode === null) {
      const ended = once(running, "exit");
      running.kill("SIGKILL");
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #puts(): number {
    return this.#bucket.server.calls.filter(({ operation }) => operation === "PutObject").length;
  }
}
