import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderPage } from "../../scripts/rehearsal/report/page.ts";
import { inChromium } from "../../scripts/rehearsal/report/screenshot.ts";
import type { Result } from "../../scripts/rehearsal/result.ts";
import type { Sample } from "../../scripts/rehearsal/sample.ts";
import { summarise } from "../../scripts/rehearsal/visitors.ts";

const samples: Sample[] = Array.from({ length: 200 }, (_, i) => ({
  at: i * 50,
  milliseconds: 5,
  method: "GET",
  ...(i >= 80 && i < 120 ? { error: "ECONNREFUSED" } : { status: 200 }),
}));
const result: Result = {
  scenario: "heal",
  problems: [],
  boots: [
    {
      instance: "i-0123456789abcdef0",
      seconds: 6,
      steps: [
        { name: "packages", start: 0, seconds: 4, state: "done", detail: "from the bucket" },
        { name: "nginx", start: 4, seconds: 0.2, state: "done" },
      ],
    },
  ],
  clients: [{ name: "visitor", requests: summarise(samples) }],
  timeline: [
    { at: 0, what: "started" },
    { at: 4000, what: "AWS takes i-0123456789abcdef0 without notice" },
  ],
  visitors: [{ name: "visitor", samples }],
};

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-report-"));
  file = path.join(folder, "report.html");
  await writeFile(file, renderPage("Rehearsal", [result]));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["a desk, light", { width: 1100, dark: false }],
  ["a phone, dark", { width: 390, dark: true }],
])("the report is drawn as the figures say, on %s", async (_, look) => {
  await inChromium(file, look, async (page, complaints) => {
    const strokes = (selector: string) =>
      page.locator(selector).evaluate((path) => (path.getAttribute("d") ?? "").split("M").length - 1);
    expect(await strokes(".availability .good")).toBe(160);
    expect(await strokes(".availability .bad")).toBe(40);
    const bars = await page
      .locator(".boot rect.bar")
      .evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().width));
    expect(bars).toHaveLength(2);
    expect((bars[0] ?? 0) / (bars[1] ?? 1)).toBeCloseTo(20, 0);
    const overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
    expect(overflow).toBeLessThanOrEqual(0);
    const [ink, paper] = (await page.evaluate(
      "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]",
    )) as [string, string];
    expect(brightness(paper) > brightness(ink)).toBe(!look.dark);
    const picture = path.join(folder, "picture.png");
    await page.screenshot({ path: picture, fullPage: true });
    expect((await stat(picture)).size).toBeGreaterThan(10_000);
    expect(complaints).toEqual([]);
  });
});

const brightness = (rgb: string): number =>
  (rgb.match(/\d+/g) ?? []).slice(0, 3).reduce((sum, value) => sum + Number(value), 0);
