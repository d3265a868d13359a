/** The steps of a boot as bars along the time. Pure. */
import { type BootRecord, type BootStep, stepLabel } from "../../agent/site/boot-record.ts";
import type { Style } from "../operator/terminal.ts";

/** Seconds since the beginning of user data. */
export interface BootBar {
  name: string;
  start: number;
  end: number;
  seconds: number;
  state: BootStep["state"];
  /** The step it needs that ended last; undefined for a step that could begin at once. */
  waitedFor: string | undefined;
  /** Whether the boot would have been shorter without it: the chain of waits that led to its last step. */
  critical: boolean;
}

/** In the order in which they began. A step still running ends now, as far as the boot record says. */
export function bootBars({ steps, started, updated }: BootRecord): BootBar[] {
  const now = (Date.parse(updated) - Date.parse(started)) / 1000;
  // Later work on the same machine is no part of its boot.
  const own = steps
    .filter((s) => s.phase !== "in-place")
    .map(({ phase, name, needs, ...step }) => ({
      ...step,
      phase,
      name: stepLabel({ phase, name }),
      needs: needs.map((need) => stepLabel({ phase, name: need })),
    }));
  const ends = new Map(own.map((s) => [s.name, s.start + (s.seconds ?? Math.max(0, now - s.start))]));
  const endOf = (name: string) => ends.get(name) ?? 0;
  const latest = (names: readonly string[]) =>
    names.filter((n) => ends.has(n)).sort((a, b) => endOf(b) - endOf(a))[0];
  // A step that needs no other step still needs the agent, which the last of these starts.
  const starter = latest(own.filter((s) => s.phase === "bootstrap").map((s) => s.name));
  const first = (s: BootStep) => s.needs.length === 0 && s.phase === "boot";
  const waits = new Map(own.map((s) => [s.name, first(s) ? starter : latest(s.needs)]));
  const critical = new Set<string>();
  for (let at = latest(own.map((s) => s.name)); at !== undefined && !critical.has(at); at = waits.get(at)) {
    critical.add(at);
  }
  return own
    .map(({ name, start, state }) => ({
      ...{ name, start, state },
      end: round(endOf(name)),
      seconds: round(endOf(name) - start),
      waitedFor: waits.get(name),
      critical: critical.has(name),
    }))
    .sort((a, b) => a.start - b.start || a.end - b.end);
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/** Columns kept free at the right edge. */
const MARGIN = 1;
const NARROWEST = 12;

/** Lines no wider than `columns`: name, bar, seconds, and what it waited for where there is room. */
export function renderBars(bars: readonly BootBar[], columns: number, style: Style): string[] {
  const total = Math.max(0, ...bars.map((b) => b.end));
  if (total === 0) return [];
  const names = Math.min(Math.floor(columns / 3), Math.max(...bars.map((b) => b.name.length)));
  const seconds = `${total.toFixed(2)} s`.length;
  const notes = Math.max(0, ...bars.map((b) => (b.waitedFor === undefined ? 0 : b.waitedFor.length + 6)));
  const room = columns - MARGIN - names - seconds - 4;
  const withNotes = room - notes - 2 >= 2 * NARROWEST;
  const width = Math.max(NARROWEST, withNotes ? room - notes - 2 : room);
  const rows = bars.map((bar) => {
    const name = cut(bar.name, names).padEnd(names);
    const drawn = draw(bar, total, width);
    const took = `${bar.seconds.toFixed(2)} s`.padStart(seconds);
    const note = withNotes && bar.waitedFor !== undefined ? `  after ${bar.waitedFor}` : "";
    const colour = bar.state === "failed" ? style.red : bar.critical ? style.green : style.dim;
    return `${bar.critical ? style.bold(name) : name}  ${colour(drawn)}  ${took}${style.dim(note)}`.trimEnd();
  });
  return [...rows, `${" ".repeat(names)}  ${style.dim(scale(total, width))}`.trimEnd()];
}

/** Blocks of an eighth of a character, as wide as the time; something for each. */
const PARTS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

function draw(bar: BootBar, total: number, width: number): string {
  const at = Math.min(width - 1, Math.floor((bar.start / total) * width));
  const eighths = Math.max(
    1,
    Math.min((width - at) * 8, Math.round(((bar.end - bar.start) / total) * width * 8)),
  );
  const body = "█".repeat(Math.floor(eighths / 8)) + (PARTS[eighths % 8] ?? "");
  const shown = bar.state === "running" ? `${body.slice(0, -1)}…` : body;
  return (" ".repeat(at) + shown).padEnd(width);
}

/** "0 s" on the left, the whole time on the right. */
function scale(total: number, width: number): string {
  const end = `${total.toFixed(1)} s`;
  return `0 s${end.padStart(Math.max(end.length + 1, width - 3))}`;
}

const cut = (text: string, width: number): string =>
  text.length <= width ? text : `${text.slice(0, width - 1)}…`;
