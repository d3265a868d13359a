import { expect, test } from "vitest";
import { writesOf } from "../../../provisioner/project/writes.ts";

type Paths = [string, string, "path" | "text" | "relative"][];

const FACTS = {
  databases: { default: { engine: "django.db.backends.sqlite3", name: "db.sqlite3" } },
  staticRoot: "public",
};
const FILES = ["manage.py", "shop/settings.py", "shop/apps.py"];

const found = (written: readonly string[], paths: Paths = []) =>
  writesOf(written, { paths }, FACTS, FILES, ["staticfiles"]).map(({ path, by }) => [path, by?.setting]);

test("what a project writes among its files, with the setting that names the file or a folder for it", () => {
  const paths: Paths = [
    ['HUEY["filename"]', "huey.sqlite3", "path"],
    ["LOG_FOLDER", "logs", "text"],
    ['LOGGING["handlers"]["file"]["filename"]', "logs/all.log", "text"],
    ["BASE", "shop", "path"],
    ["INSTALLED_APPS[0]", "shop", "relative"],
  ];
  expect(found(["huey.sqlite3", "huey.sqlite3-wal"], paths)).toEqual([["huey.sqlite3", 'HUEY["filename"]']]);
  expect(found(["logs/all.log", "logs/b.log", "logs/c.log"], paths)).toEqual([
    ["logs/all.log", 'LOGGING["handlers"]["file"]["filename"]'],
    ["logs/b.log", "LOG_FOLDER"],
  ]);
  // A folder with sources cannot be another one; nor does an app's name say where its file is.
  expect(found(["shop/index.db", "shop/apps.py"], paths)).toEqual([
    ["shop/index.db", undefined],
    ["shop/apps.py", undefined],
  ]);
});

test("databases and static files are others' business", () => {
  const paths: Paths = [['DATABASES["default"]["NAME"]', "db.sqlite3", "path"]];
  const written = [
    "db.sqlite3",
    "db.sqlite3-journal",
    "public/a.css",
    "staticfiles/a.css",
    "staticfiles.json",
  ];
  expect(found(written, paths)).toEqual([["staticfiles.json", undefined]]);
});
