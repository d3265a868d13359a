import { expect, test } from "vitest";
import { lastWords } from "../../../agent/serving/app.ts";

const OWN = [
  "Traceback (most recent call last):",
  '  File "project/wsgi.py", line 1',
  "RuntimeError: broken",
];
const GUNICORNS = [
  "Traceback (most recent call last):",
  ...Array.from({ length: 40 }, (_, n) => `  File "arbiter.py", line ${n}`),
  "gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>",
];

test("an app's last words are its own, not gunicorn's about two workers that died at once", () => {
  expect(lastWords([...OWN, ...GUNICORNS])).toEqual(OWN);
  expect(lastWords([...OWN, ...GUNICORNS, "stopped"])).toEqual([...OWN, "stopped"]);
  expect(lastWords(OWN)).toEqual(OWN);
  expect(lastWords(["gunicorn.errors.HaltServer: alone"])).toHaveLength(1);
});

test("only the last 30 lines", () => {
  const many = Array.from({ length: 50 }, (_, n) => `line ${n}`);
  expect(lastWords(many)).toEqual(many.slice(-30));
});
