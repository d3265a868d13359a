import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { bucketName } from "../../agent/site/names.ts";
import { restore } from "../../agent/site/state/restore.ts";
import { createStateClient, s3StateBucket } from "../../agent/site/state/s3-bucket.ts";
import { unzstd } from "../../provisioner/data/unzstd.ts";
import type { Rehearsal } from "./rehearsal.ts";

/** Where guestbook has its database, as [state] names it. */
export const KEPT = "guestbook.sqlite3";

export interface Kept {
  /** Numbers of the entries there are. */
  ids: Set<number>;
  /** What SQLite says of the database. */
  integrity: string;
  /** Of guestbook itself, that were applied. */
  migrations: string[];
}

/** Guestbook's entries, from the bucket alone. */
export const keptEntries = (rehearsal: Rehearsal): Promise<Kept> =>
  restored(rehearsal, async (database) => {
    const { stdout } = await execa("/usr/bin/python3", ["-c", READ, database], { maxBuffer: 1e9 });
    const { ids, ...rest } = JSON.parse(stdout) as Omit<Kept, "ids"> & { ids: number[] };
    return { ...rest, ids: new Set(ids) };
  });

/**
 * What guestbook's database holds, from the bucket alone.
 * @param use gets its path; it is there for as long as that takes.
 * @param until a moment of the past, ISO 8601; undefined: now.
 */
export async function restored<T>(
  { cloud, site }: Rehearsal,
  use: (database: string) => Promise<T>,
  until?: string,
): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), "everspot-kept-"));
  const client = createStateClient({ endpoint: cloud.endpoint, region: cloud.region });
  try {
    const bucket = bucketName(site.name, cloud.account, cloud.region);
    await restore(s3StateBucket(client, bucket), folder, { unzstd, until });
    return await use(path.join(folder, KEPT));
  } finally {
    client.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}

const READ = `
import json, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
print(json.dumps({
    "ids": [row[0] for row in database.execute("SELECT id FROM guestbook_entry")],
    "integrity": database.execute("PRAGMA integrity_check").fetchone()[0],
    "migrations": [row[0] for row in database.execute("SELECT name FROM django_migrations WHERE app = 'guestbook'")],
}))`;
