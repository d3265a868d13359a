/** certbot's configuration folder as a value, and back (DESIGN §10). */
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, isAbsolute, join, normalize } from "node:path";
import type { Lineage } from "../site/certificates.ts";
import { EverspotError } from "../site/errors.ts";

type Entry = Lineage["entries"][number];

/** certbot's name for our certificate; one name whatever the domains, so that paths never change. */
export const LINEAGE_NAME = "everspot";

/**
 * Reads accounts, renewal settings and the newest version of the certificate. Older versions, CSRs and spare
 * copies of keys stay out: certbot renews without them.
 */
export async function packLineage(root: string): Promise<Lineage> {
  const entries: Entry[] = [];
  await collect(root, "accounts", entries);
  await collect(root, "renewal", entries);
  await collect(root, "live", entries);
  const targets = entries.flatMap((e) => ("link" in e ? [normalize(join(dirname(e.path), e.link))] : []));
  for (const path of new Set(targets)) await collect(root, path, entries);
  return { root, entries };
}

async function collect(root: string, path: string, entries: Entry[]): Promise<void> {
  const full = join(root, path);
  const stat = await lstat(full).catch(() => undefined);
  if (stat?.isSymbolicLink()) {
    entries.push({ path, link: await readlink(full) });
  } else if (stat?.isFile()) {
    entries.push({ path, mode: stat.mode & 0o777, text: await readFile(full, "utf8") });
  } else if (stat?.isDirectory()) {
    for (const name of (await readdir(full)).sort()) await collect(root, join(path, name), entries);
  }
}

/**
 * Writes the folder anew; what was there before is gone. Folders are 0700. Paths that certbot keeps in its
 * renewal settings are moved to the new place.
 * @throws EverspotError when an entry would leave the folder; nothing has been replaced then.
 */
export async function restoreLineage(root: string, lineage: Lineage): Promise<void> {
  const fresh = `${root}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  for (const entry of lineage.entries) {
    const path = inside(entry.path);
    const full = join(fresh, path);
    await mkdir(dirname(full), { recursive: true, mode: 0o700 });
    if ("link" in entry) {
      inside(isAbsolute(entry.link) ? entry.link : join(dirname(path), entry.link));
      await symlink(entry.link, full);
    } else {
      const moved = path.startsWith("renewal/") ? relocate(entry.text, lineage.root, root) : entry.text;
      await writeFile(full, moved, { mode: 0o600, flag: "wx" });
      await chmod(full, entry.mode & 0o700);
    }
  }
  await rm(root, { recursive: true, force: true });
  await rename(fresh, root);
}

/** Only the accounts: what a certificate for other names can use. */
export const accountsOf = (lineage: Lineage): Lineage => ({
  root: lineage.root,
  entries: lineage.entries.filter((e) => e.path.startsWith("accounts/")),
});

function inside(path: string): string {
  const clean = normalize(path);
  if (isAbsolute(clean) || clean === ".." || clean.startsWith("../")) {
    throw new EverspotError(`a stored certificate has a file outside its folder: ${JSON.stringify(path)}`);
  }
  return clean;
}

const relocate = (text: string, from: string, to: string): string =>
  text.replace(/^(\s*[a-z_]+ = )(.*)$/gm, (line, name: string, value: string) =>
    value === from || value.startsWith(`${from}/`) ? name + to + value.slice(from.length) : line,
  );
