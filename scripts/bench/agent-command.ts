import { readFile } from "node:fs/promises";
import path from "node:path";

/** Options that an instance's unit gives the agent's node. */
export async function nodeOptions(): Promise<string[]> {
  const file = path.resolve(import.meta.dirname, "../../user-data/units/everspot.service");
  const line = /^ExecStart=\S+\/node ((?:-\S+ )*)\S+\/agent\.mjs run$/m.exec(await readFile(file, "utf8"));
  if (line === null) throw new Error(`${file} starts no agent`);
  return (line[1] ?? "").split(" ").filter(Boolean);
}
