import { expect, test } from "vitest";
import { passedOn } from "../../../provisioner/cli/passed-on.ts";

test.each([
  ["run -- python3 -c x", "run", "python3 -c x"],
  ["run python3 -c x --json", "run", "python3 -c x --json"],
  ["--json run ls", "--json run", "ls"],
  [
    "-c a.toml -s dev run --timeout 5 --memory 64 -- a -- b",
    "-c a.toml -s dev run --timeout 5 --memory 64",
    "a -- b",
  ],
  ["manage migrate --noinput -c x", "manage", "migrate --noinput -c x"],
  ["manage --json check --deploy", "manage --json", "check --deploy"],
  ["manage shell -c print(1)", "manage", "shell -c print(1)"],
  ["shell", "shell", ""],
  ["shell -- -i ipython", "shell", "-i ipython"],
  ["run --help", "run --help", ""],
  ["run", "run", ""],
  ["manage --config", "manage --config", ""],
  ["deploy --allow run x", "deploy --allow run x", ""],
  ["help run", "help run", ""],
  ["", "", ""],
])("%s", (line, own, words) => {
  const split = (text: string) => text.split(" ").filter((word) => word !== "");
  expect(passedOn(split(line))).toEqual({ own: split(own), words: split(words) });
});
