import { expect, test } from "vitest";
import { creditsAtLaunch } from "../../../provisioner/wanted/template.ts";

test.each([
  [["t3.micro", "t4g.small"], "boot", "unlimited"],
  [["t2.micro"], "boot", "unlimited"],
  [["t3.micro"], "unlimited", "unlimited"],
  [["t3.micro", "t3a.nano"], "standard", "standard"],
  // EC2 would launch no m7g from such a template; the agent stops the borrowing there too.
  [["t3.micro", "m7i-flex.large"], "boot", undefined],
  [["m7g.medium"], "standard", undefined],
] as const)("the template of %j with credits %s asks for %s", (types, credits, expected) => {
  expect(creditsAtLaunch(types, credits)).toBe(expected);
});
