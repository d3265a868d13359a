/**
 * npm run architecture [-- --check]: reads the imports, prints what they say of the house, and draws it for
 * docs/architecture.md. With --check nothing is written: it ends with 1 when that page is not up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { drawWing } from "./architecture/draw.ts";
import { house } from "./architecture/house.ts";
import { readImports, sources } from "./architecture/imports.ts";
import { PAGE, page, pictureOf } from "./architecture/page.ts";
import { faults, planOf } from "./architecture/rules.ts";
import { roomsOfUp } from "./architecture/walk.ts";

const root = path.resolve(import.meta.dirname, "..");
const check = process.argv.includes("--check");
const files = sources(root, ["agent", "provisioner", "user-data", "scripts", "test/cloud"]);
const imports = readImports(root, files);
const plans = house.map((wing) => ({ wing, plan: planOf(house, wing, files, imports) }));

for (const { wing, plan } of plans.filter(({ wing }) => wing.floors.length > 0)) {
  const { rooms, arrows, up, circles } = plan;
  console.log(
    `${wing.at}: ${rooms.length} rooms on ${wing.floors.length} floors, ${arrows.length} arrows, ${up.length} back up, ${circles.length} circles`,
  );
}
const found = faults(house, files, imports);
for (const fault of found) console.log(`! ${fault}`);

const entered = await roomsOfUp();
console.log(`a call of \`up\` enters ${entered.length} rooms before its first write: ${entered.join(", ")}`);

const made = new Map(
  plans.flatMap(({ wing, plan }) =>
    wing.drawn === true ? [[pictureOf(wing), drawWing(wing, plan)] as const] : [],
  ),
);
made.set(PAGE, page(readFileSync(path.join(root, PAGE), "utf8"), plans, entered));
const stale = [...made].filter(([file, text]) => read(file) !== text);
for (const [file, text] of stale) {
  if (!check) writeFileSync(path.join(root, file), text);
  console.log(check ? `! ${file} is not up to date: run \`npm run architecture\`` : `wrote ${file}`);
}
process.exitCode = found.length > 0 || (check && stale.length > 0) ? 1 : 0;

function read(file: string): string | undefined {
  try {
    return readFileSync(path.join(root, file), "utf8");
  } catch {
    return undefined;
  }
}
