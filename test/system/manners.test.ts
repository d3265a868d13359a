/** The commands that take long, as a person or a program uses them (see test/provisioner/cli/manners.test.ts). */
import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { rows, testLoss, testUse } from "../provisioner/cli/mannered.ts";
import { openTyped, type Typed } from "../provisioner/cli/typed.ts";

let typed: Typed;
beforeAll(async () => {
  typed = await openTyped();
});
afterAll(() => typed.close());
afterEach(() => expect(typed.failures).toEqual([]));

const get = () => typed;
const long = rows.filter(([, row]) => row.long);
const down = long.filter(([name]) => name === "down");

testUse(
  get,
  long.filter((row) => !down.includes(row)),
);
testLoss(get, long);
testUse(get, down);
