import { type BootRecord, bootRecord } from "../../agent/site/boot-record.ts";
import { keys } from "../../agent/site/names.ts";
import { readJsonIfKnown } from "../../agent/site/read-json.ts";
import type { Aws } from "./connect.ts";

/** Undefined while there is none, or when this everspot does not know its form. */
export const readBoot = ({ store }: Pick<Aws, "store">, instance: string): Promise<BootRecord | undefined> =>
  readJsonIfKnown(store, keys.boot(instance), bootRecord);

/** Where it is, for messages. */
export const bootUrl = (aws: Pick<Aws, "store">, instance: string): string =>
  `${aws.store.url}/${keys.boot(instance)}`;
