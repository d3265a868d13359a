/** scripts/picture REPORT.html PICTURE.png…: what visitors saw of each scenario of a report, in order, for the README. */
import path from "node:path";
import { inChromium } from "./rehearsal/report/screenshot.ts";

const [report, ...pictures] = process.argv.slice(2);
if (report === undefined || pictures.length === 0) {
  console.error("usage: scripts/picture REPORT.html PICTURE.png… (after scripts/setup --for test)");
  process.exit(2);
}
await inChromium(path.resolve(report), { width: 900, dark: false }, async (page) => {
  for (const [i, picture] of pictures.entries()) {
    await page.locator('[data-part="visitors"]').nth(i).screenshot({ path: picture });
  }
});
