import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { Redactor } from "../../../agent/redaction/redactor.ts";

const SECRET = `pa$$ w'ö"rd/<&>+\\é-2026`;

function redactor(...secrets: string[]): Redactor {
  const made = new Redactor();
  made.learn(Object.fromEntries(secrets.map((s, i) => [`S${i}`, s])));
  return made;
}

const FORMS: Record<string, string> = {
  itself: "s",
  "a traceback's repr": "repr(s)",
  "repr of bytes": "repr(s.encode())",
  ascii: "ascii(s)",
  quote: "urllib.parse.quote(s)",
  "quote without safe characters": "urllib.parse.quote(s, safe='')",
  "a query string": "urllib.parse.urlencode({'a': s})",
  json: "json.dumps({'a': s})",
  "json with its letters": "json.dumps({'a': s}, ensure_ascii=False)",
  "json in json": "json.dumps(json.dumps({'a': s}, ensure_ascii=False), ensure_ascii=False)",
  html: "html.escape(s)",
  hex: "s.encode().hex()",
  HEX: "s.encode().hex().upper()",
  "base64, offset 0": "base64.b64encode(('u:x' + s + 'yz').encode()).decode()",
  "base64, offset 1": "base64.b64encode(('user' + s + 'y').encode()).decode()",
  "base64, offset 2": "base64.b64encode(('users' + s).encode()).decode()",
  "base64 for URLs": "base64.urlsafe_b64encode(('ab' + s + '??>>').encode()).decode()",
  "base64 in lines": "base64.encodebytes(('x' * 70 + s).encode()).decode()",
  "a shell word": "shlex.quote(s)",
  "cut into lines": "'\\n    '.join([s[:5], s[5:11], s[11:]])",
  "pprint in a narrow terminal": "pprint.pformat('word ' * 5 + s, width=20)",
};

/** What Python's standard library makes of the secrets: no encoder of ours is asked. */
function encoded(secrets: readonly string[]): string[][] {
  const script = `import sys,json,html,base64,urllib.parse,pprint,shlex
print(json.dumps([eval(form, globals(), {'s': secret}) for form in json.loads(sys.argv[1]) for secret in sys.argv[2:]]))`;
  const forms = JSON.stringify(Object.values(FORMS));
  const flat = JSON.parse(
    execFileSync("python3", ["-I", "-S", "-c", script, forms, ...secrets], { encoding: "utf8" }),
  ) as string[];
  return Object.keys(FORMS).map((_, i) => flat.slice(i * secrets.length, (i + 1) * secrets.length));
}

describe("takes a secret out of", () => {
  const secrets = [SECRET, "correct-horse-battery/staple="];
  const said = encoded(secrets);
  test.each(Object.keys(FORMS).map((name, i) => ({ name, said: said[i] ?? [] })))("$name", ({ said }) => {
    for (const [i, secret] of secrets.entries()) {
      const left = redactor(secret).text(`before ${said[i]} behind`);
      expect(left, said[i]).toContain("[redacted]");
      expect(left).toMatch(/^before .*behind$/s);
      for (const piece of ["staple", "horse", "2026", "rd/"]) expect(left).not.toContain(piece);
    }
  });
});

describe("the redactor", () => {
  test("leaves everything else as it is, and short values alone", () => {
    const text = "serving the site\n  with 2 workers";
    expect(redactor("abcde").text(`abcde ${text}`)).toBe(`abcde ${text}`);
    expect(redactor(SECRET).text(text)).toBe(text);
    expect(new Redactor().text(text)).toBe(text);
  });

  test("knows the password of a URL by itself, as it is written and as it is meant", () => {
    const known = redactor("postgres://app:s%40cret99@db.example/app");
    expect(known.text("password s@cret99 refused")).toBe("password [redacted] refused");
    expect(known.text("password s%40cret99 refused")).toBe("password [redacted] refused");
    expect(known.text("db.example is down")).toBe("db.example is down");
  });

  test("knows each line of a key, so that one cut off at its beginning does not show", () => {
    const key = ["-----BEGIN KEY-----", "A".repeat(40), "B".repeat(40), "-----END KEY-----"].join("\n");
    expect(redactor(key).lines(["B".repeat(40), "-----END KEY-----"])).toEqual([
      "[redacted]",
      "-----END KEY-----",
    ]);
  });

  test("finds one that goes over two lines of an output", () => {
    expect(redactor("hunter2hunter2").lines(["a hunter2", "  hunter2 b", "c"])).toEqual([
      "a [redacted] b",
      "c",
    ]);
  });

  test("looks for one of which only spaces and quotes make it long enough as it is", () => {
    expect(redactor("a b c d").text("x a b c d y abcd")).toBe("x [redacted] y abcd");
  });

  // Of these too little is left without quotes and backslashes: each form is looked for as it is.
  test.each([
    ["json", `ü/""""`, `ü/${`\\"`.repeat(4)}`],
    ["json in json", `a"b"c"`, `a\\\\\\"b\\\\\\"c\\\\\\"`],
    ["json with slashes escaped", `a"/"c"`, `a\\"\\/\\"c\\"`],
    ["json of ASCII alone", `ü"""""`, `\\u00fc${`\\"`.repeat(5)}`],
    ["repr()", `ü'''''`, `ü${`\\'`.repeat(5)}`],
    ["ascii()", `ü'b'c'`, `\\xfc\\'b\\'c\\'`],
  ])("finds a short one in %s", (_, secret, said) => {
    expect(redactor(secret).text(`before ${said} behind`)).toBe("before [redacted] behind");
  });

  test.each([
    ["as JavaScript encodes it", "it's!(so)*2026/é", encodeURIComponent],
    ["in lower case", "a/b?c=d&e", (s: string) => encodeURIComponent(s).toLowerCase()],
  ])("finds one in a URL %s", (_, secret, encode) => {
    expect(redactor(secret).text(`before ${encode(secret)} behind`)).toBe("before [redacted] behind");
  });

  test("takes out all of one that holds another", () => {
    expect(redactor("outer-secret-value", "secret").text("x outer-secret-value y")).toBe("x [redacted] y");
  });

  test("finds every one, also where they overlap", () => {
    expect(redactor("abcdef", "defghi").text("x abcdefghi y abcdef")).toBe("x [redacted] y [redacted]");
  });

  test("goes on knowing a value that was changed", () => {
    const known = redactor("first-value");
    known.learn({ S0: "second-value" });
    expect(known.text("first-value second-value")).toBe("[redacted] [redacted]");
  });
});
