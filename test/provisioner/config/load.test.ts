import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "smol-toml";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import { shapeOf } from "../../../provisioner/config/keys.ts";
import { loadConfig, parseConfig } from "../../../provisioner/config/load.ts";
import { siteFile } from "../../../provisioner/config/schema.ts";

const MINIMAL = `
site = "blog"
region = "us-east-1"
domain = "blog.example.com"
[app]
wsgi = "blog.wsgi:application"
`;

function problems(text: string, stage?: string): EverspotError {
  try {
    parseConfig(text, "/project/everspot.toml", stage);
  } catch (error) {
    if (error instanceof EverspotError) return error;
    throw error;
  }
  throw new Error("no problem was found");
}

test("the smallest file needs site, region, domain and wsgi, and the rest has defaults", () => {
  const config = parseConfig(MINIMAL, "/project/everspot.toml");
  expect(config).toMatchObject({
    folder: "/project",
    site: "blog",
    aliases: [],
    app: { workers: 2, health: "/", timeout: 30, hsts: 0, beforeStart: [], env: {} },
    fleet: { arch: "x86_64", disk: 8 },
    image: { os: "debian-13", packages: [], refresh: "30d" },
    certificate: { source: "letsencrypt", mirrorToAcm: false },
    dns: { ttl: 60, drain: 90 },
  });
  expect(config.fleet.types.length).toBeGreaterThan(2);
  // What an account with AWS's free plan may start comes first.
  expect(config.fleet.types.slice(0, 2)).toEqual(["t3.micro", "t3.small"]);
  expect(config.certificate.directory).toContain("api.letsencrypt.org");
});

test("the architecture follows from the types", () => {
  const config = parseConfig(`${MINIMAL}[fleet]\ntypes = ["t4g.nano", "m7gd.medium"]\n`, "/p/everspot.toml");
  expect(config.fleet.arch).toBe("arm64");
});

describe("the annotated example", () => {
  const file = path.resolve(import.meta.dirname, "../../../provisioner/everspot.example.toml");
  const text = readFileSync(file, "utf8");

  test("is valid, as the site and as its stage", async () => {
    expect((await loadConfig(file)).site).toBe("guestbook");
    const dev = await loadConfig(file, "dev");
    expect(dev).toMatchObject({
      site: "guestbook-dev",
      domain: "dev.guestbook.example.com",
      aliases: [],
      app: { workers: 1, health: "/healthz" },
    });
  });

  test("has every key that the schema knows, and says what it is for", () => {
    const example = parse(text) as Record<string, unknown>;
    const explained = (key: string) => new RegExp(`^#.*\\b${key} = `, "m").test(text);
    for (const [key, value] of Object.entries(siteFile.shape)) {
      expect(example, key).toHaveProperty(key);
      for (const name of Object.keys(shapeOf(value) ?? {})) {
        const there = Object.hasOwn(example[key] as object, name);
        expect(there || explained(name), `${key}.${name}`).toBe(true);
      }
    }
  });
});

describe("what is wrong is reported", () => {
  test("malformed TOML: where and what", () => {
    const error = problems('site = "blog\nregion = "x"\n');
    expect(error.message).toBe("everspot.toml is not valid TOML");
    expect(error.resource).toMatch(/everspot\.toml:1:\d+$/);
    expect(error.lines.join("\n")).toContain('1:  site = "blog');
    expect(error.exitCode).toBe(2);
  });

  test("all at once, each with its line, path and a hint", () => {
    const error = problems(`site = "My Site"
region = "us-east-1"
domain = "https://Blog.example.com/"
aliasses = []

[app]
wsgi = "blog/wsgi.py"
workers = "two"
worker = 3

[fleet]
types = ["t4g.micro", "t3.micro"]

[dns]
ttl = 0
`);
    expect(error.message).toBe("everspot.toml has 8 problems");
    expect(error.exitCode).toBe(2);
    expect(error.lines).toEqual([
      expect.stringMatching(/^everspot.toml:1 {2}site: must be lower-case letters/),
      expect.stringMatching(/^everspot.toml:3 {2}domain: .* \(did you mean "blog.example.com"\?\)$/),
      'everspot.toml:4  aliasses: unknown key (did you mean "aliases"?)',
      'everspot.toml:7  app.wsgi: must be module:callable (did you mean "blog.wsgi:application"?)',
      "everspot.toml:8  app.workers: must be a number, not text in quotes",
      'everspot.toml:9  app.worker: unknown key (did you mean "workers"?)',
      expect.stringMatching(
        /^everspot.toml:12 {2}fleet.types\[1\]: "t3.micro" is x86_64, the fleet is arm64/,
      ),
      expect.stringMatching(/^everspot.toml:15 {2}dns.ttl: /),
    ]);
  });

  test("what is missing, by name", () => {
    const error = problems("");
    expect(error.lines.map((l) => l.split(":")[0])).toEqual(["site", "region", "domain", "app"]);
    expect(error.lines[3]).toContain('wsgi = "mysite.wsgi:application"');
  });

  test.each([
    ["localhost", "it needs at least one dot"],
    ["10.0.0.1", "IP address"],
    ["*.example.com", "wildcard"],
    ["exa mple.com", "not a valid part"],
    ["-a.example.com", "not a valid part"],
    ["example.com.", 'did you mean "example.com"?'],
    ["bücher.example", 'did you mean "xn--bcher-kva.example"?'],
    [`${"a".repeat(64)}.example.com`, "not a valid part"],
    [`${"a.".repeat(130)}com`, "longer than 253"],
  ])("the domain %s", (domain, reason) => {
    const error = problems(MINIMAL.replace("blog.example.com", domain));
    expect(error.lines.join()).toContain(reason);
    expect(error.lines).toHaveLength(1);
  });

  test("a site's name too long for the name of its bucket", () => {
    const error = problems(MINIMAL.replace('"blog"', `"${"b".repeat(32)}"`));
    expect(error.lines.join()).toContain("1 characters too long for the name of its bucket in us-east-1");
    expect(() =>
      parseConfig(MINIMAL.replace('"blog"', `"${"b".repeat(31)}"`), "/p/everspot.toml"),
    ).not.toThrow();
  });

  test("an alias that is the domain, or is there twice", () => {
    const aliases = '["blog.example.com", "www.example.com", "www.example.com"]';
    const error = problems(MINIMAL.replace("[app]", `aliases = ${aliases}\n[app]`));
    expect(error.lines.join("\n")).toMatch(/aliases\[0\].*the domain itself[\s\S]*aliases\[2\].*there twice/);
  });

  test("a certificate of ACM belongs to ACM as the source, which needs none named", () => {
    expect(() => parseConfig(`${MINIMAL}[certificate]\nsource = "acm"\n`, "/p/everspot.toml")).not.toThrow();
    const arn = "arn:aws:acm:us-east-1:123456789012:certificate/abc";
    const wide = '[certificate]\nsource = "acm"\nwildcard = true\n';
    expect(problems(MINIMAL + wide).lines.join()).toContain('is not available with source = "acm"');
    expect(problems(`${MINIMAL}[certificate]\narn = "${arn}"\n`).lines.join()).toContain("of no use here");
  });

  test("an age that is none", () => {
    const at = (refresh: string) => problems(`${MINIMAL}[image]\nrefresh = "${refresh}"\n`).lines;
    for (const refresh of ["30", "0d", "1w", "-1d", "Never", "30 d"])
      expect(at(refresh)).toEqual([expect.stringContaining('in days like "30d", or "never"')]);
    for (const refresh of ["1d", "9999d", "never"])
      expect(parseConfig(`${MINIMAL}[image]\nrefresh = "${refresh}"\n`, "/p/e.toml").image.refresh).toBe(
        refresh,
      );
  });

  test("an enumerated value nearly right", () => {
    const error = problems(`${MINIMAL}[image]\nos = "debian13"\n`);
    expect(error.lines.join()).toContain('did you mean "debian-13"?');
  });

  test("secrets and other names in the environment", () => {
    const error = problems(`${MINIMAL}[app.env]\n"MY-VAR" = "1"\nPORT = 8000\n`);
    expect(error.lines.join("\n")).toContain(
      "app.env.MY-VAR: not usable as the name of an environment variable",
    );
    expect(error.lines.join("\n")).toContain("app.env.PORT: must be text in quotes, not a number");
  });
});

describe("stages", () => {
  const staged = `${MINIMAL}workers = 4
[app.env]
A = "1"
[stages.dev]
domain = "dev.example.com"
fleet.types = ["t3.nano"]
[stages.dev.app.env]
B = "2"
`;

  test("override key by key, and have names of their own", () => {
    const dev = parseConfig(staged, "/p/everspot.toml", "dev");
    expect(dev).toMatchObject({ site: "blog-dev", stage: "dev", domain: "dev.example.com" });
    expect(dev.app).toMatchObject({ workers: 4, env: { A: "1", B: "2" } });
    expect(dev.fleet.types).toEqual(["t3.nano"]);
    expect(parseConfig(staged, "/p/everspot.toml").site).toBe("blog");
  });

  test("are seen under names of their own, and run what they name", () => {
    const site = `${MINIMAL}redirect_to = "blog.example.com"\n[stages.dev]\ndomain = "dev.example.com"\n`;
    const { app } = parseConfig(site, "/p/everspot.toml", "dev");
    expect([app.redirectTo, app.wsgi]).toEqual([undefined, "blog.wsgi:application"]);
    const live = parseConfig(`${site}app.asgi = "blog.asgi:application"\n`, "/p/everspot.toml", "dev").app;
    expect([live.asgi, live.wsgi]).toEqual(["blog.asgi:application", undefined]);
  });

  test("are checked whether or not they are asked for, and only for what is their own", () => {
    const error = problems(`${MINIMAL}worker = 1
[stages.dev]
site = "other"
[stages.prod]
aliases = ["blog.example.com"]
[stages.prod.app]
wsgj = 1
`);
    expect(error.lines).toEqual([
      expect.stringContaining("app.worker: unknown key"),
      expect.stringContaining("stages.dev.site: cannot be set in a stage"),
      expect.stringMatching(/stages.prod.domain: is missing \(a stage needs its own name/),
      expect.stringContaining('stages.prod.aliases: "blog.example.com" belongs to the main site'),
      expect.stringContaining('stages.prod.app.wsgj: unknown key (did you mean "wsgi"?)'),
    ]);
  });

  test("one that is not there is named, with what there is", () => {
    expect(problems(staged, "dew")).toMatchObject({ exitCode: 2, hint: "did you mean --stage dev?" });
    expect(problems(MINIMAL, "dev").hint).toContain("add [stages.dev]");
  });
});

describe("the file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "everspot-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("is read, and the project is the folder it is in", async () => {
    writeFileSync(path.join(folder, "everspot.toml"), MINIMAL);
    expect((await loadConfig(path.join(folder, "everspot.toml"))).folder).toBe(folder);
  });

  test("is refused for a command that no shell takes, in a stage too", async () => {
    const commands = 'before_start = ["true", ["echo \\"it\'s\\"", "echo \\"it"]]';
    const stage = '[stages.dev]\ndomain = "dev.example.com"\napp.before_start = ["if true"]';
    writeFileSync(path.join(folder, "everspot.toml"), `${MINIMAL}${commands}\n${stage}\n`);
    const error = await loadConfig(path.join(folder, "everspot.toml")).catch((e: EverspotError) => e);
    expect(error).toMatchObject({
      exitCode: 2,
      lines: [
        expect.stringMatching(/app\.before_start\[1\]\[1\]: is not a valid shell command \(.+\)$/),
        expect.stringMatching(/stages\.dev\.app\.before_start\[0\]: is not a valid shell command \(.+\)$/),
      ],
    });
  });

  test("has the shell asked once about a command that each stage has", async () => {
    writeFileSync(path.join(folder, "sh"), `#!/bin/sh\necho >>${folder}/asked\nexec /bin/sh "$@"\n`, {
      mode: 0o755,
    });
    vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
    const stages = ["dev", "next"].map((name) => `[stages.${name}]\ndomain = "${name}.example.com"\n`);
    const commands = 'before_start = ["echo asked once", "echo asked once"]';
    writeFileSync(path.join(folder, "everspot.toml"), `${MINIMAL}${commands}\n${stages.join("")}`);
    await loadConfig(path.join(folder, "everspot.toml"), "dev");
    vi.unstubAllEnvs();
    expect(readFileSync(path.join(folder, "asked"), "utf8")).toBe("\n");
  });

  test("that is not there", async () => {
    await expect(loadConfig(path.join(folder, "everspot.toml"))).rejects.toMatchObject({
      exitCode: 2,
      hint: expect.stringContaining("--config"),
    });
  });
});
