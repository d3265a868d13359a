/** Commands whose last words are another program's. */
const PASSES_ON = new Set(["run", "manage", "shell"]);
/** Options of everspot before those words that take a value. */
const VALUED = new Set(["-c", "--config", "-s", "--stage", "--timeout", "--memory"]);

/**
 * A command line, with what belongs to another program taken out: all after `run`, `manage` or `shell` and the options
 * right behind it, or after `--`. Among it nothing is an option of everspot's.
 */
export function passedOn(args: readonly string[]): { own: string[]; words: string[] } {
  const name = afterOptions(args, 0);
  if (!PASSES_ON.has(args[name] ?? "")) return { own: [...args], words: [] };
  const end = afterOptions(args, name + 1);
  return { own: args.slice(0, end), words: args.slice(args[end] === "--" ? end + 1 : end) };
}

function afterOptions(args: readonly string[], from: number): number {
  let at = from;
  for (;;) {
    const arg = args[at];
    if (arg === undefined || arg === "--" || !/^-./.test(arg)) return Math.min(at, args.length);
    at += VALUED.has(arg) ? 2 : 1;
  }
}
