import { afterEach, describe, expect, test } from "vitest";
import { appRoots, gunicornApps, layoutOf } from "../../../provisioner/project/layout.ts";
import { settingsModules } from "../../../provisioner/project/settings-modules.ts";
import { projectOf, STARTPROJECT } from "./project.ts";

const opened: { remove(): void }[] = [];
afterEach(() => {
  for (const project of opened.splice(0)) project.remove();
});

test("the app's folder is that of the shallowest manage.py; tests and examples come last", () => {
  expect(appRoots(["tests/manage.py", "services/backend/manage.py", "README.md"])).toEqual([
    "services/backend",
    "tests",
  ]);
  expect(appRoots(["manage.py", "other/manage.py"])).toEqual(["", "other"]);
});

test("a project in a folder below: only that folder's files count, and what is ignored never does", async () => {
  const inBackend = Object.fromEntries(
    Object.entries(STARTPROJECT).map(([name, text]) => [`backend/${name}`, text]),
  );
  const project = projectOf({
    ...inBackend,
    ".gitignore": "local/\n",
    "local/manage.py": "",
    ".venv/lib/manage.py": "",
    ".venv/pyvenv.cfg": "",
    Procfile: "web: cd backend && gunicorn --workers 3 mysite.wsgi",
  });
  opened.push(project);
  const layout = await layoutOf(project.folder);
  expect(layout.root).toBe("backend");
  expect(layout.others).toEqual([]);
  expect(layout.files.map((f) => f.path)).toContain("manage.py");
  expect(layout.started).toEqual(["mysite.wsgi:application"]);
});

describe("what gunicorn is told", () => {
  test.each([
    ["web: gunicorn config.wsgi --log-file -", ["config.wsgi:application"]],
    ["gunicorn app:wsgi --config=gunicorn.conf.py", ["app:wsgi"]],
    ['CMD ["gunicorn", "--bind", "0.0.0.0:8000", "mysite.wsgi:application"]', ["mysite.wsgi:application"]],
    ["gunicorn \\\n  --workers 2 \\\n  a.b.wsgi", ["a.b.wsgi:application"]],
    ["pip install gunicorn", []],
  ])("%s", (text, apps) => {
    expect(gunicornApps(text)).toEqual(apps);
  });
});

describe("the settings of a site", () => {
  const entry = (settings: string) => ({ settings, overrules: false, application: [] });
  test("those made for production come before those made for a person's own computer", () => {
    const files = ["conf/dev.py", "conf/production.py", "conf/base.py", "site/wsgi.py"];
    expect(settingsModules(files, { "site/wsgi.py": entry("conf.dev") })).toEqual([
      "conf.production",
      "conf.dev",
    ]);
  });
  test("those that the application names, where they are made for a site", () => {
    const files = ["mysite/settings.py", "mysite/production.py", "mysite/wsgi.py"];
    expect(settingsModules(files, { "mysite/wsgi.py": entry("mysite.settings") })).toEqual([
      "mysite.settings",
    ]);
  });
  test("where nothing names any, a package's own come after what lies in it is known", () => {
    const files = ["app/settings/__init__.py", "app/settings/base.py", "app/settings/test.py", "app/wsgi.py"];
    expect(settingsModules(files, {})).toEqual(["app.settings", "app.settings.base", "app.settings.test"]);
  });
});
