/** A command that a test plays: what it writes and when it ends. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { RunContext } from "../../../agent/jobs/run.ts";
import type { StartTransient, TransientOptions } from "../../../agent/system/transient.ts";
import type { Units } from "../../../agent/system/units.ts";

export interface Played {
  options: TransientOptions;
  /** All that it was given to read. */
  read: () => string;
  /** Whether there is no more to read. */
  inputEnded: () => boolean;
  write(text: string | Uint8Array, to?: "stdout" | "stderr"): void;
  end(code: number): void;
  /** What systemd says of the unit afterwards. */
  result: string;
  stopped: boolean;
  /** What it does when it is asked to stop. */
  onStop: (played: Played) => void;
}

/** systemd, as far as commands need it. */
export class Commands {
  #folder: string | undefined;
  readonly started: Played[] = [];
  /** Called with each as it starts. */
  begins: (played: Played) => void = () => {};

  readonly start: StartTransient = (options) => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    let read = "";
    let inputEnded = false;
    stdin.on("data", (chunk: Buffer) => {
      read += chunk.toString();
    });
    stdin.on("end", () => {
      inputEnded = true;
    });
    let end = (_code: number): void => {};
    const ended = new Promise<number>((resolve) => {
      end = resolve;
    });
    const played: Played = {
      ...{ options, read: () => read, inputEnded: () => inputEnded, result: "success", stopped: false },
      write: (text, to = "stdout") => void (to === "stdout" ? stdout : stderr).write(text),
      end: (code) => {
        stdout.end();
        stderr.end();
        end(code);
      },
      onStop: (one) => one.end(130),
    };
    this.started.push(played);
    queueMicrotask(() => this.begins(played));
    return { stdin, stdout, stderr, ended };
  };

  readonly units: Pick<Units, "state" | "stop" | "reset" | "list"> = {
    state: async (unit) => ({
      ...{ active: "inactive", sub: "dead", restarts: 0 },
      result: this.#of(unit)?.result ?? "success",
    }),
    stop: async (unit) => {
      const played = this.#of(unit);
      if (played === undefined || played.stopped) return;
      played.stopped = true;
      played.onStop(played);
    },
    reset: async () => {},
    list: async () => this.started.map(({ options }) => options.unit),
  };

  /** Folders of one instance, made when they are written to. */
  places(instance: string): RunContext["places"] {
    this.#folder ??= mkdtempSync(join(tmpdir(), "commands-"));
    const at = (name: string): string => join(this.#folder ?? "", instance, name);
    return {
      ...{ releases: at("releases"), environment: at("environment"), runs: at("runs") },
      appSocket: (release) => at(`sockets/${release}/app.sock`),
    };
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #of(unit: string): Played | undefined {
    return this.started.findLast(({ options }) => options.unit === unit);
  }
}
