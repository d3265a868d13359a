import { expect, test } from "vitest";
import { suffices } from "../../../provisioner/project/learn.ts";

type Tried = Parameters<typeof suffices>[0];

/** As far as it is looked at. */
const tried = (settings: string | undefined, urls: string | null, failure?: object): Tried =>
  ({ settings, started: { answer: { facts: { urls } }, failure } }) as unknown as Tried;

test("an empty settings module, which any Django starts, keeps no other Python from being tried", () => {
  expect(suffices(tried("blog.settings", null))).toBe(false);
  expect(suffices(tried("blog.settings.base", "blog.urls"))).toBe(true);
  expect(suffices(tried("blog.settings.base", null, { message: "SECRET_KEY is missing" }))).toBe(true);
  // No settings at all: the application itself was started.
  expect(suffices(tried(undefined, null))).toBe(true);
});
