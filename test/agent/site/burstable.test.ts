import { expect, test } from "vitest";
import { baselineOf, slownessOf } from "../../../agent/site/config/burstable.ts";
import { creditsOf } from "../../cloud/ec2/credit-modes.ts";
import { machineTypes } from "../../cloud/ec2/instance-types.ts";

test.each(machineTypes.map(({ name, vcpus }) => [name, vcpus] as const))(
  "%s earns what the local EC2, which has it from AWS's other table, says",
  (name, vcpus) => {
    const baseline = baselineOf(name);
    const earned = creditsOf(name, "standard")?.perSecond;
    if (earned === undefined) expect(baseline).toBeUndefined();
    else {
      expect(baseline?.vcpus).toBe(vcpus);
      expect((baseline?.vcpus ?? 0) * (baseline?.share ?? 0)).toBeCloseTo(earned);
    }
  },
);

test.each([
  ["t3.nano", 10],
  ["t4g.micro", 5],
  ["t2.micro", 10],
  ["t3.small", 2.5],
  ["t3.2xlarge", 1],
  ["m7g.medium", 1],
])("%s without credits takes %d times as long", (type, times) => {
  expect(slownessOf(type)).toBeCloseTo(times);
});
