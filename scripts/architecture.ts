/** npm run architecture: what the imports say of the house, its picture, and its page. */
import path from "node:path";
import { house } from "./architecture/house.ts";
import { readImports, sources } from "./architecture/imports.ts";
import { faults, planOf } from "./architecture/rules.ts";

const root = path.resolve(import.meta.dirname, "..");
const files = sources(root, ["agent", "provisioner", "user-data", "scripts", "test/cloud"]);
const imports = readImports(root, files);
for (const wing of house.filter((w) => w.floors.length > 0)) {
  const { rooms, arrows, up, circles } = planOf(house, wing, files, imports);
  console.log(
    `${wing.at}: ${rooms.length} rooms on ${wing.floors.length} floors, ${arrows.length} arrows, ${up.length} back up, ${circles.length} circles`,
  );
}
console.log(faults(house, files, imports).join("\n"));
