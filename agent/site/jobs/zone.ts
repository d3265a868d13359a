/** Local time and its changes, by the zones that Node brings. Milliseconds since the epoch. */

const DAY = 86_400_000;

/** Whether it is the name of a zone, such as "Europe/Berlin". */
export function isZone(name: string): boolean {
  // Node takes offsets for zones too, and those have no summer time.
  if (!/^[A-Za-z]/.test(name)) return false;
  // Those that have other names too are not all listed.
  if (name === "UTC" || Intl.supportedValuesOf("timeZone").includes(name)) return true;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
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
  return begin === end ? begin : (askedOffsets(zone, [at])[0] ?? Number.NaN);
}

/** Days that are asked for at once: what is slow is to change the zone. */
const AT_ONCE = 64;
/** Their begins, of a few times so many days. */
const begins = new Map<string, readonly number[]>();
const MOST_BEGINS = 20;

function beginOf(zone: string, day: number): number {
  const first = Math.floor(day / AT_ONCE) * AT_ONCE;
  const key = `${zone} ${first}`;
  let known = begins.get(key);
  if (known === undefined) {
    if (begins.size >= MOST_BEGINS) begins.clear();
    const days = Array.from({ length: AT_ONCE }, (_, i) => (first + i) * DAY);
    known = askedOffsets(zone, days);
    begins.set(key, known);
  }
  return known[day - first] ?? Number.NaN;
}

/** By the zone of Date: a format of Intl knows it as well, and takes 8 MB. */
function askedOffsets(zone: string, times: readonly number[]): number[] {
  const { TZ } = process.env;
  process.env.TZ = zone;
  try {
    return times.map((at) => -new Date(at).getTimezoneOffset() * 60_000);
  } finally {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  }
}
