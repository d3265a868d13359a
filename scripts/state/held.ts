import path from "node:path";
import { execa } from "execa";
import type { Held } from "./ledger.ts";

/**
 * What a restored database holds.
 * @param rows SQL: who wrote each row, and the number it has with them.
 */
export async function heldIn(database: string, rows = "SELECT client, n FROM rows"): Promise<Held> {
  const script = path.join(import.meta.dirname, "check.py");
  const { stdout } = await execa("/usr/bin/python3", [script, database, rows], { maxBuffer: 1e9 });
  return JSON.parse(stdout) as Held;
}
