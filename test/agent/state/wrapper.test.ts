import path from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";

/** Python's own tests say more than an exit code would. */
test("the gate in the app's own process", async () => {
  const wrapper = path.resolve(import.meta.dirname, "../../../agent/state/wrapper");
  const { exitCode, stderr } = await execa(
    "python3",
    [path.join(import.meta.dirname, "wrapper.py"), wrapper],
    { reject: false, env: { PYTHONDONTWRITEBYTECODE: "1" } },
  );
  expect(`${exitCode} ${stderr}`).toMatch(/^0 /);
});
