import { expect, test } from "vitest";
import {
  errorFinding,
  Refused,
  refuseErrors,
  warningFinding,
} from "../../../provisioner/findings/finding.ts";
import { showFindings } from "../../../provisioner/operator/show-findings.ts";
import { createTerminal } from "../../../provisioner/operator/terminal.ts";

const debug = warningFinding("project.W001", "DEBUG is on", { where: "settings.py", hint: "turn it off" });
const gis = errorFinding("project.E002", "it needs GDAL", { hint: "[image] packages" });
const wheel = errorFinding("packing.E003", "x has no wheel", { where: "x", hint: "x==2 has one" });

function refusal(findings: Parameters<typeof refuseErrors>[1]): Refused {
  try {
    refuseErrors("the project cannot be packed", findings);
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test("warnings refuse nothing", () => {
  refuseErrors("x", [debug]);
});

test("one error is an error like any other", () => {
  expect(refusal([debug, wheel])).toMatchObject({
    message: "x has no wheel (packing.E003)",
    resource: "x",
    hint: "x==2 has one",
    lines: [],
    findings: [wheel],
  });
});

test("several are all said at once, each with what to do", () => {
  const { message, lines } = refusal([gis, debug, wheel]);
  expect(message).toBe("the project cannot be packed: 2 problems");
  expect(lines).toEqual([
    "it needs GDAL (project.E002)",
    "  → [image] packages",
    "x has no wheel (packing.E003)",
    "  → x==2 has one",
  ]);
});

test("errors are shown before warnings", () => {
  let shown = "";
  showFindings(createTerminal({ json: false, stderr: { write: (text) => (shown += text) } }), [debug, gis]);
  expect(shown).toBe(
    "! it needs GDAL (project.E002)\n  → [image] packages\n! settings.py: DEBUG is on (project.W001)\n  → turn it off\n",
  );
});
