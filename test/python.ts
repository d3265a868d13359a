import { spawnSync } from "node:child_process";
import path from "node:path";

/**
 * Before all tests. A version manager's `python3` is a script that looks for the real one at each start, which takes
 * longer than the start itself: what it finds comes first on the tests' path.
 */
export default function setup(): void {
  const ask = ["-I", "-S", "-c", "import sys; print(sys.executable)"];
  const { stdout } = spawnSync("python3", ask, { encoding: "utf8" });
  const own = path.dirname((stdout ?? "").trim());
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  if (path.isAbsolute(own) && !folders.includes(own))
    process.env.PATH = [own, ...folders].join(path.delimiter);
}
