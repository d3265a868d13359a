import { mkdir, mkdtemp, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppMachine } from "../../../agent/serving/app.ts";
import type { Units } from "../../../agent/system/units.ts";

const isWorker = (unit: string): boolean => unit.startsWith("everspot-worker-");
const releaseOf = (unit: string): string => /@(.*)\.service$/.exec(unit)?.[1] ?? unit;

/** A machine's units, of which an app is a server here, on the socket of its release. */
export class Apps {
  readonly folder: string;
  readonly links: AppMachine["links"];
  /** Status that the app of a release answers with; 200 if not set. "ends": gunicorn does not even start; "deaf": it never listens. */
  readonly answers = new Map<string, number | "ends" | "deaf">();
  /** Units that were started or stopped. */
  readonly log: string[] = [];
  /** Where a site with state has its databases and uploads. */
  get kept() {
    return { databases: join(this.folder, "databases"), media: join(this.folder, "media") };
  }
  get maintenance() {
    const at = (name: string): string => join(this.folder, "maintenance", name);
    return { marker: at("on"), page: at("page.html"), allowed: at("allowed") };
  }
  readonly #servers = new Map<string, http.Server>();

  private constructor(folder: string) {
    this.folder = folder;
    const at = (name: string): string => join(folder, name);
    this.links = {
      ...{ socket: at("app.sock"), release: at("release") },
      ...{ static: at("static-link"), staticBefore: at("static-before") },
    };
  }

  static async open(): Promise<Apps> {
    const apps = new Apps(await mkdtemp(join(tmpdir(), "apps-")));
    await mkdir(join(apps.folder, "releases"));
    return apps;
  }

  async close(): Promise<void> {
    for (const id of this.running) await this.end(id);
    await rm(this.folder, { recursive: true, force: true });
  }

  get running(): string[] {
    return [...this.#servers.keys()];
  }

  readonly socketOf = (id: string): string => join(this.folder, `${id}.sock`);

  async begin(id: string): Promise<void> {
    if (this.#servers.has(id)) return;
    const answer = this.answers.get(id) ?? 200;
    if (answer === "ends") throw new Error("exit status 1");
    const server = http.createServer((_, response) => {
      const now = this.answers.get(id) ?? 200;
      response.statusCode = typeof now === "number" ? now : 500;
      response.end(id);
    });
    await rm(this.socketOf(id), { force: true });
    if (answer !== "deaf") await new Promise<void>((resolve) => server.listen(this.socketOf(id), resolve));
    this.#servers.set(id, server);
  }

  async end(id: string): Promise<void> {
    const server = this.#servers.get(id);
    this.#servers.delete(id);
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
  }

  readonly units: Units = {
    state: async (unit) => {
      const active = !isWorker(unit) && this.#servers.has(releaseOf(unit));
      return { active: active ? "active" : "inactive", sub: "", restarts: 0, result: "success" };
    },
    start: async (unit) => {
      this.log.push(`start ${unit}`);
      if (unit.startsWith("everspot-app@")) await this.begin(releaseOf(unit));
    },
    stop: async (unit) => {
      this.log.push(`stop ${unit}`);
      if (!isWorker(unit)) await this.end(releaseOf(unit));
    },
    kill: async () => {},
    reload: async () => {},
    reset: async () => {},
    readFiles: async () => {},
    list: async (pattern) => {
      const like = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
      return this.running.map((id) => `everspot-app@${id}.service`).filter((unit) => like.test(unit));
    },
    lines: async () => ["Traceback of the app"],
  };

  /** What a visitor gets through the link that nginx follows; where nothing listens, nginx answers 502. */
  visit(): Promise<{ status: number; release: string }> {
    return new Promise((resolve) => {
      const request = http.get({ socketPath: this.links.socket, path: "/", agent: false }, (response) => {
        let text = "";
        response.on("data", (part: Buffer) => {
          text += part.toString();
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, release: text }));
      });
      request.on("error", () => resolve({ status: 502, release: "" }));
    });
  }
}
