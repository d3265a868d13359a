import { expect, test } from "vitest";
import { churn } from "./certificate/churn.ts";

test("a month of six-day certificates, machines killed in issuances: valid throughout, within every limit", async () => {
  const report = await churn({
    ...{ replacements: 36, days: 30, lifetime: 6, seed: 34 },
    // Two renewals a week leave little of the budget for more.
    ...{ bootKills: 0, issuanceKills: 0.25 },
  });
  expect(report).toMatchObject({ replacements: 36, problems: [], refused: 0 });
  expect(report.killsInIssuance).toBeGreaterThan(0);
  // One at the start, one every three days.
  expect(report.issued).toBeLessThanOrEqual(11 + report.killsInIssuance);
});
