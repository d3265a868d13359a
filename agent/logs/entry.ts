/** What an entry of the journal says, and which part of the site's log it belongs to. Pure. */
import { runName } from "../system/paths.ts";

/** As `journalctl --output=json` has it; systemd.journal-fields(7). Only journald sets those with an underscore. */
export interface Entry {
  cursor: string;
  /** Milliseconds since the epoch. */
  at: number;
  lines: string[];
  unit: string | undefined;
  /** The unit that systemd itself tells of. */
  about: string | undefined;
  identifier: string | undefined;
  /** 0 (emergency) to 7 (debug). */
  priority: number;
}

/** The fields that `readEntry` needs; cursor and time are always there. */
export const FIELDS = ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "UNIT", "_PID", "_SYSTEMD_UNIT"];

/** Undefined for what is no entry. */
export function readEntry(json: string): Entry | undefined {
  let read: Record<string, unknown>;
  try {
    read = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const text = (name: string) => (typeof read[name] === "string" ? (read[name] as string) : undefined);
  const cursor = text("__CURSOR");
  if (cursor === undefined) return undefined;
  return {
    ...{ cursor, at: Math.floor(Number(text("__REALTIME_TIMESTAMP") ?? "0") / 1000) },
    lines: messageIn(read.MESSAGE)
      .split(/\r?\n/)
      .filter((line) => line !== ""),
    unit: text("_SYSTEMD_UNIT"),
    about: text("_PID") === "1" ? text("UNIT") : undefined,
    identifier: text("SYSLOG_IDENTIFIER"),
    priority: Number(text("PRIORITY") ?? "6"),
  };
}

/** What is not UTF-8, or has control characters in it, comes as its bytes; a field that is there twice as a list. */
function messageIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return "";
  if (value.every((byte) => typeof byte === "number")) return Buffer.from(value as number[]).toString("utf8");
  return value.map(messageIn).join("\n");
}

/** Of foreign units, only warnings and worse are kept. */
const ODD = 4;
const OWN = /^everspot-(app|prepare|rehearsal|job|worker)(?:-([A-Za-z0-9._-]+))?@(.+)\.service$/;
const NGINX = /^nginx(?:-forward|-hold)?\.service$/;
const AGENT = /^(?:everspot|cloud-final)\.service$/;
const STATE = /^site-.*\.service$/;
/** How journald says that it left lines out; sd-journal has no field for it. */
const SUPPRESSED = /^Suppressed \d+ messages from (\S+\.service)$/;
const COMMAND = new RegExp(`^${runName("")}`);

/** Undefined: not kept. `access`: what nginx is configured to write under this name. */
export function placeOf(entry: Entry): { source: string; release: string | undefined } | undefined {
  const { unit, about, identifier, priority, lines } = entry;
  const suppressed = unit === "systemd-journald.service" ? SUPPRESSED.exec(lines[0] ?? "")?.[1] : undefined;
  const of = suppressed ?? about ?? unit ?? "";
  const own = OWN.exec(of);
  if (own !== null) {
    const [, kind = "", name, release] = own;
    const named = (kind === "job" || kind === "worker") && name !== undefined;
    return { source: named ? `${kind}:${name}` : "app", release };
  }
  if (NGINX.test(of)) return { source: identifier === "access" ? "access" : "nginx", release: undefined };
  if (AGENT.test(of) || COMMAND.test(of)) return { source: "agent", release: undefined };
  if (STATE.test(of)) return { source: "state", release: undefined };
  return priority <= ODD ? { source: "system", release: undefined } : undefined;
}
