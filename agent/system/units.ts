import { run } from "./run.ts";

/** What systemd says of a unit. */
export interface UnitState {
  /** "active", "inactive", "failed", "activating" … */
  active: string;
  sub: string;
  /** Restarts since it was started by hand. */
  restarts: number;
  /** "success", "exit-code", "oom-kill" … */
  result: string;
}

/** The part of systemd the agent uses, on one machine. */
export interface Units {
  state(unit: string): Promise<UnitState>;
  /** Returns when the unit is up; for a oneshot, when it is done. */
  start(unit: string, seconds: number, signal?: AbortSignal): Promise<void>;
  /** Returns when it is down; a unit that is not there is down. */
  stop(unit: string, seconds: number): Promise<void>;
  /** Ends all its processes at once, without asking them. */
  kill(unit: string): Promise<void>;
  reload(unit: string): Promise<void>;
  /** Forgets a failure and the count of starts. */
  reset(unit: string): Promise<void>;
  readFiles(): Promise<void>;
  /** Names of loaded units that match. */
  list(pattern: string): Promise<string[]>;
  /** The last lines a unit wrote since it was last started, oldest first. */
  lines(unit: string, count: number): Promise<string[]>;
}

export const systemd: Units = {
  async state(unit) {
    const shown = await run("systemctl", [
      "show",
      "--property=ActiveState,SubState,NRestarts,Result",
      "--",
      unit,
    ]);
    const of = new Map(shown.split("\n").map((line) => [line.split("=", 1)[0], line.replace(/^[^=]*=/, "")]));
    return {
      active: of.get("ActiveState") ?? "unknown",
      sub: of.get("SubState") ?? "unknown",
      restarts: Number(of.get("NRestarts") ?? "0") || 0,
      result: of.get("Result") ?? "unknown",
    };
  },
  async start(unit, seconds, signal) {
    await run("systemctl", ["start", "--", unit], { seconds, signal });
  },
  async stop(unit, seconds) {
    await run("systemctl", ["stop", "--", unit], { seconds });
  },
  async kill(unit) {
    // Fails when no process of it is left.
    await run("systemctl", ["kill", "--signal=SIGKILL", "--", unit]).catch(() => undefined);
  },
  async reload(unit) {
    await run("systemctl", ["reload", "--", unit]);
  },
  async reset(unit) {
    // Fails when the unit was never loaded: then there is nothing to forget.
    await run("systemctl", ["reset-failed", "--", unit]).catch(() => undefined);
  },
  async readFiles() {
    await run("systemctl", ["daemon-reload"]);
  },
  async list(pattern) {
    const shown = await run("systemctl", ["list-units", "--all", "--plain", "--no-legend", "--", pattern]);
    return shown.split("\n").flatMap((line) => line.trim().split(/\s+/)[0] || []);
  },
  async lines(unit, count) {
    const invocation = (
      await run("systemctl", ["show", "--property=InvocationID", "--value", "--", unit])
    ).trim();
    const since = invocation === "" ? [] : [`_SYSTEMD_INVOCATION_ID=${invocation}`];
    const shown = await run("journalctl", [
      "--output=cat",
      "--no-pager",
      "--quiet",
      `--lines=${count}`,
      ...(since.length === 0 ? [`--unit=${unit}`] : since),
    ]).catch(() => "");
    return shown.split("\n").filter((line) => line !== "");
  },
};
