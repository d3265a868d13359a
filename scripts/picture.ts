/** scripts/picture REPORT.html PICTURE.png: the first section of a report as a picture, for the README. */
import path from "node:path";
import { inChromium } from "./rehearsal/report/screenshot.ts";

const [report, picture] = process.argv.slice(2);
if (report === undefined || picture === undefined) {
  console.error("usage: scripts/picture REPORT.html PICTURE.png (after scripts/setup --for test)");
  process.exit(2);
}
await inChromium(path.resolve(report), { width: 900, dark: false }, async (page) => {
  await page.locator("section").first().screenshot({ path: picture });
});
