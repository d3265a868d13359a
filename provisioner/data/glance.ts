import { decodeBase } from "../../agent/site/state/base.ts";
import type { StateBucket } from "../../agent/site/state/bucket.ts";
import { decodeEntry, type Kind } from "../../agent/site/state/entry.ts";
import { BASE_PREFIX, baseKey, LOG_PREFIX, logKey, seqOf } from "../../agent/site/state/keys.ts";

/** How a site's state stands, by four calls. Times are ISO 8601, sizes bytes. */
export interface Glance {
  /** The log's last entry. */
  entry: number;
  at: string;
  kind: Kind;
  epoch: number;
  /** Who wrote it. */
  by: string;
  /** As of the newest base. */
  size: number;
  uploads: number;
  /** When the newest base was made; undefined before there is one. */
  base: string | undefined;
}

/** Undefined while nothing is kept. @throws EverspotError */
export async function glance(bucket: StateBucket): Promise<Glance | undefined> {
  const bases = (await bucket.list(BASE_PREFIX)).objects.flatMap(({ key }) => seqOf(key) ?? []);
  const newest = bases.at(-1);
  const [packed, log] = await Promise.all([
    newest === undefined ? undefined : bucket.get(baseKey(newest)),
    bucket.list(LOG_PREFIX, newest === undefined || newest === 0 ? undefined : logKey(newest)),
  ]);
  const base =
    newest === undefined || packed === undefined
      ? undefined
      : decodeBase(packed, newest, `${bucket.url}/${baseKey(newest)}`);
  const last = seqOf(log.objects.at(-1)?.key ?? "") ?? newest;
  const bytes = last === undefined || last === 0 ? undefined : await bucket.get(logKey(last));
  if (last === undefined || bytes === undefined) return undefined;
  const { header } = decodeEntry(bytes, `${bucket.url}/${logKey(last)}`);
  const { at, kind, epoch, instance } = header;
  return {
    ...{ entry: last, at, kind, epoch, by: instance },
    size: (base?.files ?? []).reduce((sum, file) => sum + file.size, 0),
    uploads: base?.media.length ?? 0,
    base: base?.at,
  };
}
