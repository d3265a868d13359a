import { mkdir, readdir, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { EverspotError } from "../../../agent/site/errors.ts";
import { machineSources } from "../mirror/sources.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { bootstrapArguments, type Os, type Recipe, recipe, recipeKey, sourcesFrom } from "./recipe.ts";

/**
 * A Debian root directory like Debian's cloud image, built once and kept in the cache. Instances use it as the
 * lower layer of an overlay: nothing may write to it. A build that is killed leaves nothing; two at once are
 * harmless.
 * @param options.proxy the mirror proxy, e.g. "http://127.0.0.1:3142".
 * @param options.progress told while it builds, with what is done and the seconds so far.
 */
export async function ensureImage(
  sandbox: Sandbox,
  os: Os,
  options: { proxy: string; progress?: (line: string) => void },
): Promise<string> {
  const wanted = recipe(os);
  const image = path.join(sandbox.cache, "images", recipeKey(wanted));
  if (await markUsed(image)) return image;

  const building = path.join(sandbox.directory, `image-${os}`);
  await build(
    wanted,
    building,
    options.proxy,
    progressWithSeconds(`building the ${os} image`, options.progress),
  );
  await mkdir(path.dirname(image), { recursive: true });
  try {
    await rename(building, image);
  } catch (error) {
    // Another run was faster.
    if (!["ENOTEMPTY", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
  await removeUnused(image, wanted.suite);
  return image;
}

/** False when there is no such image. */
function markUsed(image: string): Promise<boolean> {
  const now = new Date();
  return utimes(image, now, now).then(
    () => true,
    () => false,
  );
}

/** Images of older recipes that no one has used for two weeks. */
async function removeUnused(current: string, suite: string): Promise<void> {
  const folder = path.dirname(current);
  const old = Date.now() - 14 * 24 * 3600 * 1000;
  for (const name of await readdir(folder)) {
    const other = path.join(folder, name);
    if (other === current || !name.startsWith(`${suite}-`)) continue;
    if ((await stat(other)).mtimeMs < old) await rm(other, { recursive: true, force: true });
  }
}

async function build(of: Recipe, directory: string, proxy: string, progress: Progress): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  const mirrors = await machineSources();
  const args = bootstrapArguments(of, { ...mirrors, proxy }, directory);
  const command = execa("mmdebstrap", args, { all: true, stdin: "ignore", env: { LC_ALL: "C.UTF-8" } });
  try {
    for await (const line of command.iterable({ from: "all" })) {
      if (line.startsWith("I: ")) progress.say(line.slice(3));
    }
    await command;
  } catch (cause) {
    const lines =
      "all" in (cause as object)
        ? String((cause as { all: unknown }).all)
            .split("\n")
            .slice(-15)
        : [];
    throw new EverspotError("cannot build the image of the instances: mmdebstrap failed", {
      lines,
      hint: "is the Debian mirror of this machine reachable (apt-get update)?",
      cause,
    });
  } finally {
    progress.end();
  }
  await rm(path.join(directory, "etc/apt/apt.conf.d/99mmdebstrap"), { force: true });
  await Promise.all(
    of.masked.map((unit) =>
      symlink("/dev/null", path.join(directory, "etc/systemd/system", unit)).catch(ignoreExisting),
    ),
  );
  for (const [file, text] of Object.entries(sourcesFrom(of, mirrors))) {
    const at = path.join(directory, "etc/apt", file);
    await mkdir(path.dirname(at), { recursive: true });
    await writeFile(at, text);
  }
  await writeFile(path.join(directory, "etc/machine-id"), "");
  // systemd-update-done.service(8): caches are fresh, no boot has to build them.
  for (const folder of ["etc", "var"]) await writeFile(path.join(directory, folder, ".updated"), "");
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

interface Progress {
  say(line: string): void;
  end(): void;
}

/** Tells each step when it begins, and every ten seconds that it still goes on. */
function progressWithSeconds(what: string, tell: (line: string) => void = () => {}): Progress {
  const start = Date.now();
  const show = (doing: string) => tell(`${what}: ${doing} (${Math.round((Date.now() - start) / 1000)} s)`);
  let timer: NodeJS.Timeout | undefined;
  return {
    say: (line) => {
      clearInterval(timer);
      show(line);
      timer = setInterval(show, 10_000, line);
    },
    end: () => clearInterval(timer),
  };
}
