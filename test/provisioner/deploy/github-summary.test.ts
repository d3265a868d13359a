import { expect, test } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import { summaryOf } from "../../../provisioner/deploy/github-summary.ts";

test("what an app said stays inside its block, and adds no HTML or columns", () => {
  const error = new EverspotError("<img src=x> | failed", { lines: ["```", "````js", "# a title"] });
  const summary = summaryOf({
    ...{ command: "deploy", site: "blog", url: "https://blog.example/", kind: "swap", release: "r1" },
    ...{ previous: undefined, seconds: 1, steps: [], requests: undefined, result: "failed" },
    ...{ instance: undefined, error },
  });
  expect(summary).toContain("**&lt;img src=x> \\| failed**");
  expect(summary).toContain("`````\n```\n````js\n# a title\n`````\n");
});
