import { expect, test } from "vitest";
import {
  operatorPermissions,
  managedPolicies,
  sizeOf,
} from "../../../provisioner/wanted/operator-policy.ts";
import { openSwapSite } from "../deploy/swapping.ts";
import { credentialsOf } from "./credentials.ts";
import { wholeLife } from "./life.ts";

test("record", async () => {
  const site = await openSwapSite({ down: true, cloud: { serviceLinkedRoles: false, delays: { fleetModify: 1000, fleetLaunch: 3000 } } });
  const all = {
    Version: "2012-10-17" as const,
    Statement: [{ Effect: "Allow" as const, Action: "*", Resource: "*" }],
  };
  const permissions = operatorPermissions(site.config, "*");
  const policies = managedPolicies(permissions);
  console.log(
    policies.map(sizeOf),
    sizeOf({ Version: "2012-10-17", Statement: permissions.map((p) => p.statement) }),
  );
  const operator = credentialsOf(site.cloud, "operator", [all]);
  try {
    await operator.use(() => wholeLife(site, () => {}));
  } finally {
    console.log(operator.refused(policies));
    for (const { statement } of permissions) {
      const without = permissions.filter((p) => p.statement !== statement).map((p) => p.statement);
      const n = operator.refused([{ Version: "2012-10-17", Statement: without }]).length;
      if (n === 0) console.log("NOT NEEDED", statement.Sid);
      for (const part of ["Action", "Resource"] as const) {
        const values = [statement[part] ?? []].flat();
        if (values.length > 1)
          for (const value of values) {
            const changed = { ...statement, [part]: values.filter((v) => v !== value) };
            if (operator.refused([{ Version: "2012-10-17", Statement: [...without, changed] }]).length === 0)
              console.log("NOT NEEDED", statement.Sid, value);
          }
      }
    }
    await site.close();
  }
}, 120_000);
