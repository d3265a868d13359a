import { expect, test } from "vitest";
import { parseEaters } from "../../../scripts/rehearsal/eaters.ts";

test("who used most comes first; who used nothing, or is not counted, not at all", () => {
  const shown = [
    "Id=nginx.service\nCPUUsageNSec=250000000",
    "CPUUsageNSec=1500000000\nId=everspot.service",
    "Id=dead.service\nCPUUsageNSec=[not set]",
    "Id=odd.service\nCPUUsageNSec=18446744073709551615",
    "Id=idle.service\nCPUUsageNSec=10",
  ].join("\n\n");
  expect(parseEaters(`${shown}\n`)).toEqual([
    { unit: "everspot.service", seconds: 1.5 },
    { unit: "nginx.service", seconds: 0.25 },
  ]);
});
