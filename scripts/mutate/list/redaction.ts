/** Secrets kept out of what leaves the instance. */
import type { Mutation } from "../mutation.ts";

const redactor = ["test/agent/redaction/redactor.test.ts"];
const outlets = ["test/agent/redaction/outlets.test.ts"];
const forms = "agent/redaction/forms.ts";

const form = (name: string, find: string, replace = ""): Mutation => ({
  ...{ name: `a secret is known ${name}`, file: forms, find, replace, tests: redactor },
});

export const redaction: readonly Mutation[] = [
  form("from 6 characters on", "SHORTEST = 6", "SHORTEST = 12"),
  form("as the password of a URL", ", ...passwordOf(secret)]", "]"),
  form("by each of its lines", "...(lines.length > 1 ? lines : []), "),
  form("in percent encoding", "percents = [percent, python,", "percents = [python,"),
  form("as Python quotes it in a URL", 'python, python.replaceAll("%2F", "/")]', "]"),
  form("in lower-case percent encoding", "p.replace(/%../g, (c) => c.toLowerCase()), "),
  form("in a form, with plus signs", ', p.replaceAll("%20", "+")'),
  form("in JSON", "    json,\n"),
  form("in JSON within JSON", "    inner(json),\n"),
  form("in JSON with its slashes escaped", '    json.replaceAll("/", "\\\\/"),\n'),
  form("in JSON of ASCII alone", "    asciiOnly(json),\n"),
  form("in HTML", '...["&#x27;", "&#39;", "\'"].map((quote) => html(text, quote)),'),
  form("in Python's repr()", "    pythonText(text),\n"),
  form("in Python's ascii()", '.replace(/\\\\u00(..)/g, "\\\\x$1")'),
  form("as bytes of Python", "    pythonBytes(bytes),\n"),
  form("in hex", '    bytes.toString("hex"),\n'),
  form("in upper-case hex", '    bytes.toString("hex").toUpperCase(),\n'),
  form("in base64", '["base64", "base64url"]', '["base64url"]'),
  form("in base64 for URLs", '["base64", "base64url"]', '["base64"]'),
  form("in base64 at each place of a group", "[0, 1, 2].map", "[0].map"),
  {
    name: "a secret is known where it is broken over lines",
    file: "agent/redaction/redactor.ts",
    find: "FILLING = /[\\s\"'\\\\]/",
    replace: "FILLING = /[]/",
    tests: redactor,
  },
  {
    name: "lines of one output are looked at together",
    file: "agent/redaction/redactor.ts",
    find: 'this.text(given.join("\\n")).split("\\n")',
    replace: "given.map((line) => this.text(line))",
    tests: [...redactor, ...outlets],
  },
  {
    name: "a secret that is short without its filling is known whole",
    file: "agent/redaction/redactor.ts",
    find: "this.#whole.add(form);",
    replace: "continue;",
    tests: redactor,
  },
  {
    name: "secrets that overlap are taken out as one",
    file: "agent/redaction/redactor.ts",
    find: "last[1] = Math.max(last[1], to);",
    replace: "last[1] = to;",
    tests: redactor,
  },
  {
    name: "no document tells a secret",
    file: "agent/redaction/outlets.ts",
    find: 'typeof body === "string" ? redactDocument(body, redactor) : body',
    replace: "body",
    tests: outlets,
  },
  {
    name: "lists of lines tell no secret",
    file: "agent/redaction/outlets.ts",
    find: "return redactor.lines(value);",
    replace: "return value;",
    tests: outlets,
  },
  {
    name: "no notice tells a secret",
    file: "agent/redaction/outlets.ts",
    find: "text: redactor.text(notice.text)",
    replace: "text: notice.text",
    tests: outlets,
  },
  {
    name: "what a unit wrote tells no secret",
    file: "agent/redaction/outlets.ts",
    find: "redactor.lines(await units.lines(unit, count))",
    replace: "units.lines(unit, count)",
    tests: outlets,
  },
  {
    name: "names and states stay as they are",
    file: "agent/redaction/outlets.ts",
    find: "(SHOWN.has(field) ? redacted(value, redactor) : value)",
    replace: "redacted(value, redactor)",
    tests: outlets,
  },
  {
    name: "the agent's store tells no secret",
    file: "agent/program/connections.ts",
    find: "redactingStore(createS3Store(clients.s3, bucket), redactor)",
    replace: "createS3Store(clients.s3, bucket)",
    tests: ["test/agent/program/compose.test.ts"],
  },
  {
    name: "who reads the secrets makes them known",
    file: "agent/program/connections.ts",
    find: "redactor.learn(found);",
    replace: "",
    tests: ["test/agent/program/compose.test.ts"],
  },
];
