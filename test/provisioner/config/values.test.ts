/** Which values may stand in everspot.toml: each of these once came to an instance that could not serve it. */
import { stringify } from "smol-toml";
import { describe, expect, test } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import { bootConfigOf } from "../../../provisioner/config/boot-config.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import type { SiteConfig } from "../../../provisioner/config/site-config.ts";
import { bootConfig } from "../../../user-data/boot-config.ts";

type Values = Record<string, unknown>;

const parsed = ({ app, ...more }: { app?: Values } & Values): SiteConfig => {
  const names = { site: "blog", region: "us-east-1", domain: "blog.example.com" };
  const table = { ...names, ...more, app: { wsgi: "mysite.wsgi:application", ...app } };
  return parseConfig(stringify(table), "/project/everspot.toml");
};

function complaint(values: Values): string {
  try {
    parsed(values);
  } catch (error) {
    if (error instanceof EverspotError && error.lines.length === 1) return error.lines[0] ?? "";
    throw error;
  }
  throw new Error("it was accepted");
}

const staticFolder = (folder: string) => ({ app: { static: { url: "/static/", folder } } });
const staticUrl = (url: string) => ({ app: { static: { url, folder: "static" } } });

const state = (more: Values) => ({ state: { database: "db.sqlite3", ...more } });

describe("[state]", () => {
  test.each([
    ["db.sqlite3", ["db.sqlite3"]],
    ["./data//db.sqlite3", ["data/db.sqlite3"]],
    ["$STATE_DIRECTORY/db.sqlite3", ["$STATE_DIRECTORY/db.sqlite3"]],
    ["$" + "{STATE_DIRECTORY}/./db.sqlite3", ["$STATE_DIRECTORY/db.sqlite3"]],
    [
      ["a.sqlite3", "b/c.sqlite3"],
      ["a.sqlite3", "b/c.sqlite3"],
    ],
  ])("keeps the database %j", (database, kept) => {
    expect(parsed(state({ database })).state?.database).toEqual(kept);
  });
  test("says what holds without its other keys", () => {
    expect(parsed(state({})).state).toEqual({
      ...{ database: ["db.sqlite3"], mediaUrl: "/media/", durability: "fast" },
      ...{ budget: 3, history: "7d", pause: 10 },
    });
    expect(parsed({}).state).toBeUndefined();
  });
  test.each([
    ["/var/lib/db.sqlite3", "inside the project, or below $STATE_DIRECTORY"],
    ["../db.sqlite3", "inside the project, or below $STATE_DIRECTORY"],
    ["$STATE_DIRECTORY/../db.sqlite3", "inside the project, or below $STATE_DIRECTORY"],
    ["$HOME/db.sqlite3", 'has a "$" in it'],
    ["a:b.sqlite3", 'has a ":" in it'],
    ["db.sqlite3-wal", "a name that SQLite or everspot itself needs"],
    [".everspot/db.sqlite3", "a name that SQLite or everspot itself needs"],
    [["db.sqlite3", "./db.sqlite3"], "is there twice"],
    [["db.sqlite3", "$STATE_DIRECTORY/db.sqlite3"], "is there twice"],
    [["data", "data/db.sqlite3"], "inside another database"],
  ])("cannot keep the database %j", (database, reason) => {
    expect(complaint(state({ database }))).toContain(reason);
  });
  test.each([
    [{ media: "media", database: "media/db.sqlite3" }, "in the folder of uploads"],
    [{ media: "data/media", database: "data" }, '"data/media" is inside a database'],
    [{ media: "mysite" }, "holds the source of mysite.wsgi"],
    [{ media: "/srv/media" }, "inside the project, or below $STATE_DIRECTORY"],
    [{ media: "media", media_url: "media" }, "must begin and end with a slash"],
    [{ durability: "sync" }, "durability"],
    [{ history: "7 days" }, "in hours or days"],
    [{ budget: 0 }, "budget"],
    [{ pause: 0 }, "pause"],
  ])("cannot be %j", (more, reason) => {
    expect(complaint(state(more))).toContain(reason);
  });
  test("has no folder in common with static files", () => {
    const fixed = { static: { url: "/static/", folder: "files/static" } };
    expect(complaint({ app: fixed, ...state({ media: "files" }) })).toContain("are in one folder");
    const below = { static: { url: "/media/static/", folder: "static" } };
    expect(complaint({ app: below, ...state({ media: "media" }) })).toContain("are below one another");
    for (const health of ["/media/x", "/m%65dia/x"]) {
      expect(complaint({ app: { health }, ...state({ media: "media" }) })).toContain("nginx answers instead");
    }
    const same = { static: { url: "/m%65dia/", folder: "static" } };
    expect(complaint({ app: same, ...state({ media: "media" }) })).toContain("are below one another");
    const database = state({ database: "files/static/db.sqlite3" });
    expect(complaint({ app: fixed, ...database })).toContain("is in a folder of [app] static");
    expect(
      parsed({ app: fixed, ...state({ database: "$STATE_DIRECTORY/files/static/a" }) }).state,
    ).toBeDefined();
  });
  test("comes to the instance as it is", () => {
    const config = parsed(state({ media: "media", history: "12h" }));
    const boot = bootConfigOf(config, { account: "1", zone: "Z", agent: "a".repeat(64) });
    expect(bootConfig.parse(JSON.parse(JSON.stringify(boot))).state).toEqual(config.state);
  });
});

describe("a folder of static files", () => {
  test.each(["static files", "static+v2", "static@1", "Größe", "~me/static", "a/b", "mysite/static"])(
    "can be %s",
    (folder) => {
      expect(parsed(staticFolder(folder)).app.static?.[0]?.folder).toBe(folder);
    },
  );
  test.each(["./static", "static/", ".//static/."])("is the same as %s", (folder) => {
    expect(parsed(staticFolder(folder)).app.static?.[0]?.folder).toBe("static");
  });
  test.each([
    [".", "would publish the whole project"],
    ["./", "would publish the whole project"],
    ["", "would publish the whole project"],
    ["mysite", "would publish the source of mysite.wsgi"],
    ["./mysite/", "would publish the source of mysite.wsgi"],
    ["../static", "must be a folder inside the project"],
    ["a/../..", "must be a folder inside the project"],
    ["/srv/static", "must be a folder inside the project"],
    ["static\\v2", "folders are separated by /"],
    ["$HOME", "nginx cannot write"],
    ["a:b", "systemd 257 cannot mount"],
    ['a"b', "systemd 257 cannot mount"],
    [".everspot/python", "belongs to everspot"],
    ["static ", 'did you mean "static"?'],
    ["a\nb", "one line"],
    ["s".repeat(201), "longer than 200 bytes"],
  ])("cannot be %j", (folder, reason) => {
    expect(complaint(staticFolder(folder))).toContain(reason);
  });
  test("cannot hold the settings", () => {
    const env = { DJANGO_SETTINGS_MODULE: "config.settings" };
    const values = { app: { static: { url: "/static/", folder: "config" }, env } };
    expect(complaint(values)).toContain("would publish the source of config.settings");
  });
});

describe("the URL of static files", () => {
  test.each(["/static/", "/~me/static/", "/größe/", "/gr%C3%B6%C3%9Fe/", "/static files/", "/a/v1.2+(x)/"])(
    "can be %s",
    (url) => {
      expect(parsed(staticUrl(url)).app.static?.[0]?.url).toBe(url);
    },
  );
  test.each([
    ["/", "must begin and end with a slash"],
    ["static/", "must begin and end with a slash"],
    ["/a//b/", "must begin and end with a slash"],
    ["/../", "must not have . or .. in it"],
    ["/%2e%2e/x/", "must not have . or .. in it"],
    ["/a%2Fb/", "must not have %2F in it"],
    ["/100%/", "% itself is written %25"],
    ["/static/?v=1/", "cannot stand in it"],
    ["/a%0Ab/", "control characters"],
    ["/.everspot-uploads/", "everspot's own"],
    ["/%2Eeverspot-uploads/", "everspot's own"],
    ["https://cdn.example.com/static/", "files that come from elsewhere need no static"],
    ["//cdn.example.com/static/", "files that come from elsewhere need no static"],
  ])("cannot be %j", (url, reason) => {
    expect(complaint(staticUrl(url))).toContain(reason);
  });
});

describe("the health path", () => {
  test.each(["/", "/healthz", "/health/?full=1", "/~me/ok", "/gr%C3%B6%C3%9Fe"])("can be %s", (health) => {
    expect(parsed({ app: { health } }).app.health).toBe(health);
  });
  test.each([
    ["healthz", "must be a path beginning with a slash"],
    ["/größe", 'did you mean "/gr%C3%B6%C3%9Fe"?'],
    ["/is it well", 'did you mean "/is%20it%20well"?'],
    ["/a/../b", 'did you mean "/b"?'],
    ["/ok#top", 'did you mean "/ok"?'],
    ["/100%", "cannot be asked for"],
    ["/a\nb", 'did you mean "/ab"?'],
  ])("cannot be %j", (health, reason) => {
    expect(complaint({ app: { health } })).toContain(reason);
  });
  test("cannot be where nginx answers itself", () => {
    for (const health of ["/static/ok.txt", "/st%61tic/ok.txt"]) {
      const app = { health, static: { url: "/static/", folder: "static" } };
      expect(complaint({ app })).toContain("where nginx answers instead of the app");
    }
  });
});

describe("the environment", () => {
  test("takes quotes, lines, tabs, %, $ and umlauts", () => {
    const env = { A: "\"'`$HOME\\", B: "two\nlines\tand a tab", C: "100 % Grüße 😀", D: "" };
    expect(parsed({ app: { env } }).app.env).toEqual(env);
  });
  test.each([
    [{ A: "bell\u0007" }, "has control characters"],
    [{ A: "odd\u{1ffff}" }, "has U+1FFFF, which is no character"],
    [{ A: "two\r\nlines" }, "only tabs and line breaks (LF)"],
    [{ "MY-VAR": "1" }, "not usable as the name"],
    [{ "1A": "1" }, "not usable as the name"],
    [{ EVERSPOT_WORKERS: "9" }, "everspot's own"],
  ])("cannot be %j", (env, reason) => {
    expect(complaint({ app: { env } })).toContain(reason);
  });
});

describe("an application", () => {
  const plain = { app: { wsgi: undefined as unknown as string } };
  test("speaks WSGI or ASGI", () => {
    expect(parsed({ app: { ...plain.app, asgi: "mysite.asgi:application" } }).app).toMatchObject({
      asgi: "mysite.asgi:application",
    });
    expect(complaint({ app: { asgi: "mysite.asgi:application" } })).toContain("and wsgi are both there");
    expect(complaint(plain)).toContain("app.wsgi: is missing (where the application is");
    expect(complaint({ app: { ...plain.app, asgi: "mysite/asgi.py" } })).toContain(
      'did you mean "mysite.asgi:application"?',
    );
  });
  test("has headers for all answers", () => {
    expect(complaint({ app: { headers: { "X-A": "a\nb" } } })).toContain("printable ASCII without $");
    expect(complaint({ app: { headers: { "X-A": "$uri" } } })).toContain("printable ASCII without $");
    expect(complaint({ app: { headers: { "X A": "b" } } })).toContain("not usable as the name of a header");
    expect(complaint({ app: { headers: { "content-type": "b" } } })).toContain(
      "differs from answer to answer",
    );
  });
  test("is seen under one name of the site's", () => {
    const aliases = ["www.example.com"];
    expect(parsed({ aliases, app: { redirect_to: "www.example.com" } }).app.redirectTo).toBe(
      "www.example.com",
    );
    expect(complaint({ app: { redirect_to: "www.example.org" } })).toContain(
      '"www.example.org" is not a name of the site (add it to aliases',
    );
  });
  test("has limits of its own below a path", () => {
    const limits = { "/upload/": { max_body: 500, timeout: 300 } };
    expect(parsed({ app: { paths: limits } }).app.paths).toEqual(limits);
  });
  test.each<[Record<string, object>, string]>([
    [{ upload: {} }, "must be a path of the site"],
    [{ "/": { timeout: 5 } }, "write max_body and timeout into [app] itself"],
    [{ "/a//b": {} }, "must be a path of the site"],
    [{ "/a/../b": {} }, "must not have . or .. in it"],
    [{ "/a?b": {} }, "cannot stand in it"],
    [{ "/a%2F/": {} }, "must not have %2F beside a slash"],
    [{ "/a/": { timeout: 0 } }, "must be at least 1"],
    [{ "/a/": { timout: 5 } }, 'did you mean "timeout"?'],
    [{ "/static/x": {} }, "is below /static/, where nginx answers instead of the app"],
    [{ "/st%61tic/": {} }, "is below /static/, where nginx answers instead of the app"],
    [{ "/.everspot-uploads/": {} }, "everspot's own"],
    [{ "/%61": {}, "/a": {} }, "is the same path as"],
    [Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`/${n}`, {}])), "must have at most 16 entries"],
  ])("cannot have them below %j", (paths, reason) => {
    const files = { url: "/static/", folder: "staticfiles" };
    expect(complaint({ app: { paths, static: files } })).toContain(reason);
  });
});

describe("several folders of static files", () => {
  const both = (one: object, other: object) => ({
    app: {
      static: [
        { url: "/static/", folder: "static", ...one },
        { url: "/assets/", folder: "web/dist", ...other },
      ],
    },
  });
  test("are a list, and one alone is one of a list", () => {
    expect(parsed(both({}, {})).app.static).toHaveLength(2);
    expect(parsed(staticFolder("static")).app.static).toEqual([{ url: "/static/", folder: "static" }]);
  });
  test.each<[object, string]>([
    [both({}, { url: "/static/" }), 'app.static[1].url: "/static/" is there twice'],
    [both({}, { url: "/st%61tic/" }), 'app.static[1].url: "/st%61tic/" is there twice'],
    [both({}, { folder: "static/admin" }), 'app.static[1].folder: and "static" are in one another'],
    [both({}, { folder: "../x" }), "app.static[1].folder: must be a folder inside the project"],
    [{ app: { static: "static" } }, "must be a table or a list of tables, not text in quotes"],
  ])("cannot be %j", (values, reason) => {
    expect(complaint(values as Values)).toContain(reason);
  });
});

describe("commands before the start", () => {
  test("are lines for a shell, several lines too", () => {
    const before_start = ["python3 manage.py migrate\npython3 manage.py check", ["a", 'echo "$X"']];
    expect(parsed({ app: { before_start } }).app.beforeStart).toEqual(before_start);
  });
  test.each([
    ["", "must be a command"],
    [" \n", "must be a command"],
    ["a\u0000b", "has control characters"],
    [["a", ""], "app.before_start[0][1]: must be a command"],
    [5, "must be text in quotes or a list of texts, not a number"],
    [["a", 5], "app.before_start[0][1]: must be text in quotes, not a number"],
    [[], "must have at least 1 entry"],
  ])("cannot be %j", (command, reason) => {
    expect(complaint({ app: { before_start: [command] } })).toContain(reason);
  });
});

test.each<[Values, string]>([
  [{ app: { wsgi: "my-site.wsgi:application" } }, "must be module:callable"],
  [{ app: { workers: 0 } }, "must be at least 1"],
  [{ image: { health: "/x" } }, "image.health: unknown key (it belongs to [app])"],
  [{ health: "/x" }, "it belongs to [app]"],
  [{ dns: { email: "a@example.com" } }, "it belongs to [certificate] or [notify] or [budget]"],
  [{ app: { image: {} } }, "app.image: unknown key (it is a table of its own: [image])"],
  [{ dns: { site: "blog" } }, "it belongs above the first table"],
  [{ app: { workers: 1.5 } }, "must be a whole number, not a number with a fraction"],
  [{ fleet: { max_price: 0.00001 } }, "must be at least 0.0001"],
  [{ fleet: { types: [] } }, "must have at least 1 entry"],
  [{ image: { packages: ["nginx-"] } }, "not the name of a Debian package"],
  [{ image: { packages: ["libpq5:arm64"] } }, "not the name of a Debian package"],
  [{ certificate: { email: "--staging@example.com" } }, "not an e-mail address"],
  [{ certificate: { email: "größe@example.com" } }, "not an e-mail address"],
  [{ certificate: { directory: "https://acme.example/a,b" } }, "not the URL of an ACME directory"],
  [{ certificate: { directory: "http://acme.example/" } }, "not an https:// URL"],
  [{ notify: { url: "https://ann:secret@hooks.example/" } }, "no place for secrets"],
  [{ notify: {} }, "tells no one"],
  [{ notify: { email: "ann at example.com" } }, "not an e-mail address"],
  [{ budget: { monthly: 10 } }, "is mailed to no one"],
  [{ budget: { monthly: 0, email: "ann@example.com" } }, "budget.monthly"],
  [{ notify: { url: "https://hooks.example/a b" } }, 'did you mean "https://hooks.example/a%20b"?'],
  [{ domain: `${"a.".repeat(116)}example` }, "that can have a certificate: longer than 237"],
])("%j is refused", (values, reason) => {
  expect(complaint(values)).toContain(reason);
});
