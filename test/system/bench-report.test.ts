import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderBench } from "../../scripts/bench/report.ts";
import { inChromium } from "../../scripts/rehearsal/report/screenshot.ts";
import { sample } from "../scripts/bench/figures.ts";

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "everspot-bench-report-"));
  file = path.join(folder, "bench.html");
  await writeFile(file, renderBench(sample));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each([
  ["a desk, light", { width: 1100, dark: false }],
  ["a phone, dark", { width: 390, dark: true }],
])("the charts are drawn as the figures say, on %s", async (_, look) => {
  await inChromium(file, look, async (page, complaints) => {
    const widths = (selector: string) =>
      page.locator(selector).evaluateAll((all) => all.map((one) => one.getBoundingClientRect().width));
    const [article = 0, first = 0, replacement = 0, ...more] = await widths(
      "section:first-of-type .comparison .bar",
    );
    expect(more).toEqual([]);
    expect(article / replacement).toBeCloseTo(20 / 4, 1);
    expect(first / replacement).toBeCloseTo(12 / 4, 1);
    // A line from the least to the most: 1.5 s, as each of the bars' figures has it.
    const [line = 0] = await widths("section:first-of-type .comparison .spread");
    expect(line / article).toBeCloseTo(1.5 / 20, 2);
    const sizes = await widths("[data-sizes=boot] .bar");
    expect(sizes).toHaveLength(4);
    expect((sizes[3] ?? 0) / (sizes[0] ?? 1)).toBeCloseTo(20 / 5, 1);

    const steps = await widths("[data-boot=replacement] .boot .bar");
    expect((steps[0] ?? 0) / (steps[1] ?? 1)).toBeCloseTo(2, 1);
    const body = (await page.locator("body").textContent()) ?? "";
    expect(body).toContain("no image");
    expect(body).toContain("4.0 s, 20 %");
    const points = await page
      .locator(".curve")
      .evaluate((curve) => (curve.getAttribute("d") ?? "").split(/[ML]/).slice(1));
    expect(points).toHaveLength(3);
    const rows = (name: string) => page.locator(`[data-table=${name}] tbody tr`);
    const verdicts = await rows("targets").locator("td:last-child").allTextContents();
    expect(verdicts.length).toBeGreaterThan(10);
    // All but that of an image, which was not measured.
    expect(verdicts.filter((verdict) => verdict !== "met")).toHaveLength(1);
    expect(
      await rows("figures").filter({ hasText: "boot: article" }).locator("td").allTextContents(),
    ).toEqual(["boot: article", "20", "19.5", "21", "5", "s"]);

    const overflow = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth");
    expect(overflow).toBeLessThanOrEqual(0);
    const picture = path.join(folder, "picture.png");
    await page.screenshot({ path: picture, fullPage: true });
    expect((await stat(picture)).size).toBeGreaterThan(20_000);
    expect(complaints).toEqual([]);
  });
});
