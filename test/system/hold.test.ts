/** Requests that wait while a site with state passes on: none is lost, none is answered twice. */
import { expect, test } from "vitest";
import { measureHold } from "../../scripts/state/hold.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";

test("what waits goes to the next owner, large bodies among it", async () => {
  requireSandbox();
  const seen = await measureHold({ rate: 50, held: 3, large: 40 });
  console.info(seen);
  expect(seen).toMatchObject({ failed: 0, notOnce: 0 });
  expect(seen.waiting).toBeGreaterThan(100);
}, 60_000);

test("or back to where it was held", async () => {
  const seen = await measureHold({ rate: 50, held: 2, large: 40, back: true });
  expect(seen).toMatchObject({ failed: 0, notOnce: 0 });
  expect(seen.waiting).toBeGreaterThan(50);
}, 60_000);
