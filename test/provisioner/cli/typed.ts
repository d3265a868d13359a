/** Commands as a person types them, on one site. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, Writable } from "node:stream";
import { vi } from "vitest";
import { connect } from "../../../provisioner/aws/connect.ts";
import { run } from "../../../provisioner/cli/program.ts";
import { createStdio, outliveReaders } from "../../../provisioner/operator/stdio.ts";
import { createTerminal } from "../../../provisioner/operator/terminal.ts";
import { makeNotes } from "../data/site.ts";
import { openSwapSite, packed } from "../deploy/swapping.ts";
import { credentialsOf } from "../permissions/credentials.ts";
import { STARTPROJECT } from "../project/project.ts";
import { MINIMAL } from "../site.ts";
import type { Manners } from "./manners.ts";

export const COLUMNS = 60;
const MORE = `[notify]
url = "https://hooks.example/1"
[schedule.nightly]
run = "tidy"
at = "2099-12-24 03:15"
`;
const TOML = `${MINIMAL}[fleet]\nbridge = true\n[dns]\ndrain = 5\n${MORE}`;
const GONE = Object.assign(new Error("write EPIPE"), { code: "EPIPE" });

export interface Where {
  json?: boolean;
  /** A terminal, 60 columns wide. */
  narrow?: boolean;
  /** Whose reader has gone. */
  unread?: boolean;
}

/** Of one command. */
export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Typed {
  folder: string;
  everspot(name: string, words: readonly string[], row: Pick<Manners, "file">, where?: Where): Promise<Said>;
  /** With credentials that may do nothing. */
  unpermitted<T>(work: () => Promise<T>): Promise<T>;
  /** The instance goes, and none comes. */
  loseInstance(): Promise<void>;
  /** What went wrong on the instances. */
  failures: readonly unknown[];
  close(): Promise<void>;
}

/** A site that is up, with data, in time that no one waits for. */
export async function openTyped(): Promise<Typed> {
  const folder = layOut();
  await makeNotes(path.join(folder, "db.sqlite3"), 3);
  const site = await openSwapSite({ toml: MORE });
  const nobody = credentialsOf(site.cloud, "nobody", []);
  let releases = 0;
  site.agents.commands.begins = (one) => {
    one.write("a line\n");
    one.end(0);
  };
  const tools = {
    ...site.tools,
    probe: async () =>
      site.agents.alive.includes(site.owner() ?? "") ? { status: 200 } : { error: "ECONNREFUSED" },
    pack: async () => packed(`release ${++releases}`),
    questions: { ...site.tools.questions, secret: async () => "a value" },
  };

  const everspot: Typed["everspot"] = async (name, words, row, where = {}) => {
    const { json = false, narrow = false, unread = false } = where;
    const said = { stdout: "", stderr: "" };
    const passing = (to: "stdout" | "stderr") =>
      new Writable({
        write: (chunk, _encoding, done) => {
          said[to] += String(chunk);
          done();
        },
      });
    const stdout = unread
      ? new Writable({ write: (_chunk, _encoding, done) => done(GONE) })
      : passing("stdout");
    outliveReaders([stdout]);
    const outputs = { stdout, stderr: passing("stderr") };
    const before = process.env.PATH;
    const restore = (["stdout", "stderr"] as const).map((to) => {
      if (narrow) narrowed(outputs[to]);
      const spy = vi.spyOn(process[to], "write").mockImplementation((text) => {
        said[to] += String(text);
        return true;
      });
      const widen = narrow ? narrowed(process[to]) : () => {};
      return () => {
        spy.mockRestore();
        widen();
      };
    });
    const common = ["--config", path.join(folder, row.file ?? "everspot.toml"), ...(json ? ["--json"] : [])];
    const given = words.map((word) => word.replace("FOLDER", folder));
    try {
      // There `init` finds a Python without packages: no index is asked.
      if (name === "init") process.env.PATH = `${path.join(folder, "bin")}:/usr/bin:/bin`;
      const code = await run([...common, ...name.split(" "), ...given], "1.2.3", (options) => ({
        ...tools,
        stdio: createStdio({
          ...outputs,
          stdin: Object.assign(new PassThrough().end("1\n"), { isTTY: false }),
        } as never),
        terminal: createTerminal({ ...options, ...outputs }),
      }));
      return { code, ...said };
    } finally {
      process.env.PATH = before;
      for (const one of restore) one();
    }
  };
  await everspot("data push", ["FOLDER/db.sqlite3", "--yes"], { file: "state.toml" });
  // So that there is something to go back to.
  await site.tools.clock.sleep(120_000);
  return {
    ...{ folder, everspot, failures: site.agents.failures },
    unpermitted: (work) => nobody.use(work),
    loseInstance: async () => {
      for (const type of site.config.fleet.types) site.cloud.capacity(type, "us-east-1a", "none");
      const aws = await connect(site.config);
      await aws.instances.terminate([site.owner() ?? ""]);
      aws.close();
      await site.tools.clock.sleep(60_000);
    },
    close: async () => {
      await site.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function layOut(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "everspot-manners-"));
  const write = (name: string, text: string, mode = 0o644) => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { mode });
  };
  write("everspot.toml", TOML);
  write("state.toml", `${TOML}[state]\ndatabase = "db.sqlite3"\n`);
  for (const [name, text] of Object.entries(STARTPROJECT)) write(`project/${name}`, text);
  write("project/requirements.txt", "");
  write("bin/python3", '#!/bin/sh\nexec /usr/bin/python3 -I -S "$@"\n', 0o755);
  return folder;
}

/** Makes a terminal of it. @returns how it is put back. */
function narrowed(output: Writable): () => void {
  const own = { isTTY: true, columns: COLUMNS, hasColors: () => false };
  const before = Object.keys(own).map((key) => [key, Object.getOwnPropertyDescriptor(output, key)] as const);
  for (const [key, value] of Object.entries(own))
    Object.defineProperty(output, key, { value, configurable: true, writable: true });
  return () => {
    for (const [key, was] of before) {
      if (was === undefined) Reflect.deleteProperty(output, key);
      else Object.defineProperty(output, key, was);
    }
  };
}
