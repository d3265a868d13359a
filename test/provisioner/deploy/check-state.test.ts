import { expect, test } from "vitest";
import { checkState } from "../../../provisioner/deploy/check-state.ts";

const state = { database: ["db.sqlite3"], pause: 10 } as never;

test.each([
  ["--pause of a site without [state]", {}, { pause: 60 }, "--pause is for a site that keeps"],
  ["a pause that nobody waits for", { state }, { pause: 301 }, "visitors cannot be held for 301 s"],
])("%s is refused", (_, config, options, message) => {
  expect(() => checkState(config, options)).toThrow(message);
});

test.each([
  ["a site without [state]", {}, {}],
  ["a site with [state]", { state }, {}],
  ["a longer pause", { state }, { pause: 60 }],
])("%s may be deployed", (_, config, options) => {
  expect(() => checkState(config, options)).not.toThrow();
});
