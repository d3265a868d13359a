/** Local time and its changes, by the zones that Node brings. Milliseconds since the epoch. */

const DAY = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether it is the name of a zone, such as "Europe/Berlin". */
export function isZone(name: string): boolean {
  // Node takes offsets for zones too, and those have no summer time.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** What a clock there shows, as if it were UTC. @throws RangeError for no zone. */
export const localTime = (zone: string, at: number): number => at + offsetAt(zone, at);

/**
 * When clocks there show this time: the first time where they show it twice, undefined where they never do, as systemd
 * has it. @param local as of `localTime`.
 */
export function instantOf(zone: string, local: number): number | undefined {
  const [before, after] = [offsetAt(zone, local - DAY), offsetAt(zone, local + DAY)];
  if (before === after) return local - before;
  const found = [before, after].map((offset) => local - offset).filter((at) => localTime(zone, at) === local);
  return found.length === 0 ? undefined : Math.min(...found);
}

/** To ask for it is slow, and most days are without a change. */
function offsetAt(zone: string, at: number): number {
  if (zone === "UTC") return 0;
  const day = Math.floor(at / DAY);
  const [begin, end] = [beginOf(zone, day), beginOf(zone, day + 1)];
  return begin === end ? begin : askedOffset(zone, at);
}

/** Of a few days. */
const begins = new Map<string, number>();
const MOST_BEGINS = 100;

function beginOf(zone: string, day: number): number {
  const key = `${zone} ${day}`;
  const known = begins.get(key);
  if (known !== undefined) return known;
  if (begins.size >= MOST_BEGINS) begins.clear();
  const asked = askedOffset(zone, day * DAY);
  begins.set(key, asked);
  return asked;
}

function askedOffset(zone: string, at: number): number {
  const parts = formatOf(zone).formatToParts(at);
  const name = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  const [, sign, hours = "0", minutes = "0"] = /^GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known !== undefined) return known;
  const made = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
  formats.set(zone, made);
  return made;
}
