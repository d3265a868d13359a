import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { drawWing } from "./draw.ts";
import { house } from "./house.ts";
import { readImports, sources } from "./imports.ts";
import { PAGE, page, pictureOf } from "./page.ts";
import { faults, planOf } from "./rules.ts";
import { roomsOfUp } from "./walk.ts";

const root = path.resolve(import.meta.dirname, "../..");

/**
 * Reads the imports, prints what they say of the house, and draws it for docs/architecture.md.
 * @param check nothing is written. @returns whether all is as it should be: with `check`, that page as well.
 */
export async function lookAtHouse(check: boolean, print: (line: string) => void): Promise<boolean> {
  const files = sources(root, ["agent", "provisioner", "user-data", "scripts", "test/cloud"]);
  const imports = readImports(root, files);
  const plans = house.map((wing) => ({ wing, plan: planOf(house, wing, files, imports) }));
  for (const { wing, plan } of plans.filter(({ wing }) => wing.floors.length > 0)) {
    const { rooms, arrows, up, circles } = plan;
    print(
      `${wing.at}: ${rooms.length} rooms on ${wing.floors.length} floors, ${arrows.length} arrows, ${up.length} back up, ${circles.length} circles`,
    );
  }
  const found = faults(house, files, imports);
  for (const fault of found) print(`! ${fault}`);

  const entered = await roomsOfUp();
  print(`a call of \`up\` enters ${entered.length} rooms before its first write: ${entered.join(", ")}`);

  const made = new Map(
    plans.flatMap(({ wing, plan }) =>
      wing.drawn === true ? [[pictureOf(wing), drawWing(wing, plan)] as const] : [],
    ),
  );
  made.set(PAGE, page(readFileSync(path.join(root, PAGE), "utf8"), plans, entered));
  const stale = [...made].filter(([file, text]) => read(file) !== text);
  for (const [file, text] of stale) {
    if (!check) writeFileSync(path.join(root, file), text);
    print(check ? `! ${file} is not up to date: run \`npm run architecture\`` : `wrote ${file}`);
  }
  return found.length === 0 && (!check || stale.length === 0);
}

function read(file: string): string | undefined {
  try {
    return readFileSync(path.join(root, file), "utf8");
  } catch {
    return undefined;
  }
}
