import { type BootRecord, bootRecord } from "../../agent/site/boot-record.ts";
import { keys } from "../../agent/site/names.ts";
import { parsePlainJson } from "../../agent/site/plain-json.ts";
import type { Aws } from "../aws/connect.ts";

/** Undefined while there is none, or when this everspot does not know its form. */
export async function readBoot(aws: Pick<Aws, "store">, instance: string): Promise<BootRecord | undefined> {
  const found = await aws.store.get(keys.boot(instance));
  if (found === undefined) return undefined;
  try {
    const parsed = bootRecord.safeParse(parsePlainJson(found.body));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Where it is, for messages. */
export const bootUrl = (aws: Pick<Aws, "store">, instance: string): string =>
  `${aws.store.url}/${keys.boot(instance)}`;
