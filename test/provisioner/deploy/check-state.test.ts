import { expect, test } from "vitest";
import { checkState } from "../../../provisioner/deploy/check-state.ts";

const state = { database: ["db.sqlite3"], pause: 10 } as never;

test.each([
  [
    "--pause of a site without [state]",
    {},
    { pause: 60, inPlace: false },
    "--pause is for a site that keeps",
  ],
  [
    "a pause that nobody waits for",
    { state },
    { pause: 301, inPlace: false },
    "visitors cannot be held for 301 s",
  ],
  [
    "--in-place of a site with [state]",
    { state },
    { inPlace: true },
    "gets a release on a new instance only",
  ],
])("%s is refused", (_, config, options, message) => {
  expect(() => checkState(config, options)).toThrow(message);
});

test.each([
  ["a site without [state], in place", {}, { inPlace: true }],
  ["a site with [state]", { state }, { inPlace: false }],
  ["a longer pause", { state }, { pause: 60, inPlace: false }],
])("%s may be deployed", (_, config, options) => {
  expect(() => checkState(config, options)).not.toThrow();
});
