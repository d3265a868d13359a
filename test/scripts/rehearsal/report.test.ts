import { expect, test } from "vitest";
import { renderPage } from "../../../scripts/rehearsal/report/page.ts";
import type { Result } from "../../../scripts/rehearsal/result.ts";

const result: Result = {
  scenario: "heal",
  problems: ["3 < 5 & more"],
  boots: [
    {
      instance: "i-0abc",
      seconds: 3,
      steps: [
        { name: "packages", start: 0.5, seconds: 2, state: "done" },
        { name: "nginx", start: 2.5, seconds: 0.5, state: "failed", detail: "nginx -t" },
      ],
    },
  ],
  requests: { total: 3, failed: 1, longestGapSeconds: 2, failures: {} },
  clients: [],
  timeline: [
    { at: 1000, what: "reclaimed" },
    { at: 2000, what: "serving" },
  ],
  visitors: [
    {
      name: "visitor",
      samples: [
        { at: 1000, milliseconds: 1, method: "GET", status: 200 },
        { at: 2000, milliseconds: 1, method: "GET", error: "ECONNREFUSED" },
        { at: 3000, milliseconds: 1, method: "GET", status: 200 },
      ],
    },
  ],
};

test("draws each request, each step and each moment, and escapes what it prints", () => {
  const page = renderPage("Rehearsal", [result]);
  expect(page).toMatch(/class="good" data-count="2"/);
  expect(page).toMatch(/class="bad" data-count="1"/);
  expect(page).toMatch(/class="bar failed" data-step="nginx" data-seconds="0.5"/);
  expect(page).toContain("reclaimed");
  expect(page).toContain("3 &#60; 5 &#38; more");
  expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
});
