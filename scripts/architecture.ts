/**
 * npm run architecture [-- --check]: reads the imports, prints what they say of the house, and draws it for
 * docs/architecture.md. With --check nothing is written: it ends with 1 when that page is not up to date.
 */
import { lookAtHouse } from "./architecture/look.ts";

const good = await lookAtHouse(process.argv.includes("--check"), (line) => console.log(line));
process.exitCode = good ? 0 : 1;
