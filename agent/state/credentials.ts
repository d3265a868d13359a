import { readFile } from "node:fs/promises";
import * as z from "zod/mini";

const credentials = z.strictObject({
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
  sessionToken: z.string(),
  /** ISO 8601. */
  expiration: z.string(),
});
export type HandedDown = z.infer<typeof credentials>;

/** What the agent writes into a file, for a process that cannot reach the metadata service; read again before they expire. */
export const handedDown = (file: string) => async () => {
  const found = z.parse(credentials, JSON.parse(await readFile(file, "utf8")));
  return { ...found, expiration: new Date(found.expiration) };
};
