import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { execa } from "execa";
import { poll } from "../../agent/site/poll.ts";
import type { Bucket } from "./bucket.ts";
import { Peak } from "./memory.ts";
import { type Answer, asItsUnit, askOver, killGroup } from "./processes.ts";
import type { Relay } from "./relay.ts";

const root = path.resolve(import.meta.dirname, "../..");
const wrapper = path.join(root, "agent/state/wrapper");
const DATABASE = "db.sqlite3";
const APP = "app.sock";

export interface Programs {
  /** Node 24, and the state's bundle. */
  node: string;
  bundle: string;
}

/** One owner of the site, without a machine: a disk, the shipper, and gunicorn with the app behind the gate. */
export class Instance {
  epoch: number;
  readonly folder: string;
  readonly #name: string;
  readonly #programs: Programs;
  readonly #bucket: Bucket;
  readonly #durability: "fast" | "s3";
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  #shipper: ChildProcess | undefined;
  #app: ChildProcess | undefined;
  /** One thing that is done to its end. */
  #task: { kill(signal: NodeJS.Signals): boolean } | undefined;
  #mounted = false;
  #gone = false;
  /** It was stopped for a while: it may not be the owner any more. */
  stopped = false;
  /** Paths in its folder; the app has the first. */
  databases: readonly string[] = [DATABASE];
  /** Seconds that the state's process takes it to be later than it is. */
  clock = 0;
  /** Seconds of the past that stay in the bucket. */
  history = 0;
  /** Whether the site has a folder of uploads. */
  withUploads = false;
  /** To S3, where it has one of its own. */
  line: Relay | undefined;
  /** Requests to its app that have no answer yet. */
  underWay = 0;
  /** Megabytes (2^20 bytes) that what was done last to its end had resident at most. */
  resident = 0;
  /** What both said, for whoever has to find out. */
  said = "";

  /** @param folder of its own: its disk. */
  constructor(programs: Programs, bucket: Bucket, folder: string, epoch: number, durability: "fast" | "s3") {
    this.#programs = programs;
    this.#bucket = bucket;
    this.folder = folder;
    this.epoch = epoch;
    this.#name = `i-${epoch}`;
    this.#durability = durability;
  }

  get database(): string {
    return path.join(this.folder, "state", DATABASE);
  }

  /** The folder of uploads. */
  get media(): string | undefined {
    return this.withUploads ? path.join(this.folder, "state/media") : undefined;
  }

  /** Of the shipper. */
  get pid(): number | undefined {
    return this.#shipper?.pid;
  }

  /** Takes the log and brings the databases. @returns what it printed. */
  async takeOver(): Promise<{ seq: number; base?: number; entries: number; files: string[] }> {
    await this.#settings();
    return JSON.parse(await this.#run("take-over"));
  }

  /** Takes the log again, after a seal, with another epoch; its databases are as it left them. */
  async goBack(epoch: number): Promise<{ rewound: boolean }> {
    this.epoch = epoch;
    await this.endShipper();
    await this.#settings();
    return JSON.parse(await this.#run("go-back"));
  }

  async endShipper(): Promise<void> {
    const shipper = this.#shipper;
    if (shipper === undefined || shipper.exitCode !== null || shipper.signalCode !== null) return;
    const ended = once(shipper, "exit");
    shipper.kill("SIGTERM");
    await ended;
  }

  /** Brings what is in the bucket, and takes nothing. */
  async restore(): Promise<void> {
    await this.#settings();
    await this.#run("restore");
  }

  async ship(): Promise<void> {
    const { flags, env } = await asItsUnit("site-state.service");
    this.#shipper = this.#start(
      this.#programs.node,
      [...flags, this.#programs.bundle, "ship", this.#file("settings.json")],
      { ...env, ...this.#otherClock },
    );
    await poll(
      `shipper of ${this.epoch}`,
      async () => {
        const { state } = await this.status().catch(() => ({ state: "no answer" }));
        if (this.#shipper?.exitCode != null) throw new Error(`the shipper ended: ${this.said}`);
        return state === "shipping" ? { done: true } : { waiting: state };
      },
      { seconds: 30, everySeconds: 0.02 },
    );
  }

  /** The app, with its table made, and answering. */
  async serve(threads = 8): Promise<void> {
    const env = {
      PYTHONPATH: `${wrapper}:${path.join(root, "scripts/state")}`,
      PYTHONDONTWRITEBYTECODE: "1",
      APP_DATABASE: this.database,
      EVERSPOT_STATE_APP: "app:application",
      EVERSPOT_STATE_DATABASES: this.database,
      EVERSPOT_STATE_LEASE: this.#file("lease"),
      EVERSPOT_STATE_DURABILITY: this.#durability,
      ...(this.media && {
        APP_MEDIA: this.media,
        EVERSPOT_STATE_UPLOADS: this.media,
        EVERSPOT_STATE_UPLOADS_SOCKET: this.#file("uploads.sock"),
      }),
    };
    this.#app = this.#start(
      "/usr/bin/gunicorn",
      [
        ...["--workers", "1", "--threads", String(threads), "--bind", `unix:${this.#file(APP)}`],
        ...["--log-level", "warning", "--worker-tmp-dir", "/dev/shm", "everspot_state:application"],
      ],
      env,
    );
    await poll(
      `app of ${this.epoch}`,
      async () => {
        const { status } = await this.ask("POST", "/migrate").catch(() => ({ status: 0 }));
        return status === 200 ? { done: true } : { waiting: `HTTP ${status} ${this.said}` };
      },
      { seconds: 30, everySeconds: 0.05 },
    );
  }

  /** Runs SQL on its database, beside the app. */
  async sql(script: string): Promise<void> {
    const run = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=20).executescript(sys.argv[2])";
    await this.#finish("/usr/bin/python3", ["-c", run, this.database, script]);
  }

  /** Asks the state's process for an upload. @returns the answer's status. */
  async askUpload(name: string): Promise<number> {
    return (await this.#request("uploads.sock", "GET", `/${name}`)).status;
  }

  /** A request to the app. @throws when it does not answer. */
  async ask(method: string, url: string, body?: string | Buffer): Promise<Answer> {
    this.underWay++;
    try {
      return await this.#request(APP, method, url, body);
    } finally {
      this.underWay--;
    }
  }

  async status(): Promise<Record<string, number | string | undefined> & { state: string }> {
    return JSON.parse((await this.#request("control.sock", "GET", "/status")).body);
  }

  /** "open", "seal", … @throws when it was refused. */
  async order(what: string): Promise<number> {
    const { status, body } = await this.#request("control.sock", "POST", `/${what}`);
    if (status !== 200) throw new Error(`${what}: ${status} ${body}`);
    return JSON.parse(body).seq;
  }

  /** SIGTERM, two seconds, SIGKILL, as at a seal. */
  async endApp(): Promise<void> {
    const app = this.#app;
    if (app === undefined || app.exitCode !== null || app.signalCode !== null) return;
    const ended = once(app, "exit");
    app.kill("SIGTERM");
    const late = setTimeout(() => killGroup(app, "SIGKILL"), 2_000);
    await ended;
    clearTimeout(late);
    killGroup(app, "SIGKILL");
  }

  /** The app alone is killed, and started again. */
  async killApp(): Promise<void> {
    const app = this.#app;
    const ended = app && once(app, "exit");
    this.signal("SIGKILL", "app");
    await ended;
    await this.serve();
  }

  /** Its disk is one of its own from here on, which can be full. Only in a sandbox: it goes with that. */
  async mount(megabytes: number): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await execa("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "disk", this.folder]);
    this.#mounted = true;
  }

  async fillDisk(): Promise<void> {
    await execa("dd", ["if=/dev/zero", `of=${this.#file("full")}`, "bs=64k"], { reject: false });
  }

  freeDisk(): Promise<void> {
    return rm(this.#file("full"), { force: true });
  }

  /** To both, or one, and all their processes. */
  signal(name: NodeJS.Signals, which: "both" | "shipper" | "app" = "both"): void {
    if (name === "SIGSTOP") this.stopped = true;
    if (which !== "app" && this.#shipper !== undefined) killGroup(this.#shipper, name);
    if (which !== "shipper" && this.#app !== undefined) killGroup(this.#app, name);
  }

  /** A power cut: everything is gone, and the disk with it. */
  async destroy(): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    const running = [this.#shipper, this.#app].filter(
      (child) => child !== undefined && child.exitCode === null && child.signalCode === null,
    ) as ChildProcess[];
    const ended = running.map((child) => once(child, "exit"));
    this.signal("SIGKILL");
    this.#task?.kill("SIGKILL");
    await Promise.all(ended);
    this.#agent.destroy();
    this.line?.close();
    if (this.#mounted) await execa("umount", ["--lazy", this.folder]);
    await rm(this.folder, { recursive: true, force: true });
  }

  async #settings(): Promise<void> {
    await mkdir(path.join(this.folder, "state"), { recursive: true });
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = this.#bucket.env;
    const credentials = {
      ...{ accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY, sessionToken: "none" },
      expiration: new Date(Date.now() + 6 * 3_600_000),
    };
    await writeFile(this.#file("credentials.json"), JSON.stringify(credentials));
    const settings = {
      bucket: this.#bucket.name,
      credentials: this.#file("credentials.json"),
      epoch: this.epoch,
      instance: this.#name,
      folder: path.join(this.folder, "state"),
      databases: this.databases,
      keeps: this.#file("keeps"),
      lease: this.#file("lease"),
      control: this.#file("control.sock"),
      durability: this.#durability,
      budget: 3,
      history: this.history,
      ...(this.media && { media: { folder: this.media, socket: this.#file("uploads.sock") } }),
    };
    await writeFile(this.#file("settings.json"), JSON.stringify(settings));
  }

  /** Without keys: they come by a file, as on a machine. */
  get #env(): Record<string, string> {
    const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...env } = this.#bucket.env;
    return { ...env, ...(this.line && { AWS_ENDPOINT_URL: this.line.endpoint }) };
  }

  async #run(command: string): Promise<string> {
    const { node, bundle } = this.#programs;
    const { flags, env } = await asItsUnit("site-state@.service");
    return this.#finish(node, [...flags, bundle, command, this.#file("settings.json")], env);
  }

  /** @returns what it printed. */
  async #finish(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
    if (this.#gone) throw new Error(`${this.#name} is gone`);
    const task = execa(command, args, { env: { ...this.#env, ...env } });
    this.#task = task;
    const peak = new Peak(task.pid);
    try {
      return (await task).stdout;
    } finally {
      this.resident = peak.stop();
    }
  }

  #start(command: string, args: string[], env: Record<string, string> = {}): ChildProcess {
    if (this.#gone) throw new Error(`${this.#name} is gone`);
    const child = spawn(command, args, {
      env: { PATH: process.env.PATH, ...this.#env, ...env },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    child.stderr?.on("data", (text) => {
      this.said = `${this.said}${text}`.slice(-4_000);
    });
    return child;
  }

  get #otherClock(): Record<string, string> {
    if (this.clock === 0) return {};
    const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
    return {
      LD_PRELOAD: `/usr/lib/${arch}-linux-gnu/faketime/libfaketime.so.1`,
      FAKETIME: `${this.clock > 0 ? "+" : ""}${this.clock}s`,
      DONT_FAKE_MONOTONIC: "1",
    };
  }

  #file(name: string): string {
    return path.join(this.folder, name);
  }

  #request(socket: string, method: string, url: string, body?: string | Buffer): Promise<Answer> {
    // The shipper's answers wait while SQLite works: a connection that is kept may be over by then.
    return askOver(
      { socketPath: this.#file(socket), agent: socket === APP && this.#agent },
      method,
      url,
      body,
    );
  }
}
