import { expect, test } from "vitest";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { caaFindings } from "../../../provisioner/plan/caa.ts";
import { MINIMAL } from "../site.ts";

const plain = parseConfig(MINIMAL, "everspot.toml");
const wildcard = parseConfig(`${MINIMAL}[certificate]\nwildcard = true\n`, "everspot.toml");

const findings = (config: typeof plain, ...values: string[]) =>
  caaFindings(
    config,
    {
      ...{ zone: { id: "Z1", name: "example.com" }, twins: [], fence: undefined, ours: false },
      records: [{ name: "example.com", type: "CAA", ttl: 60, values, wire: { Name: "", Type: "CAA" } }],
    },
    [],
  );

test.each([
  [[]],
  [['0 issue "letsencrypt.org"']],
  [['0 issue "digicert.com"', '0 issue "LetsEncrypt.org"']],
  [['0 iodef "mailto:owner@example.com"']],
  // Without `issue`, what is not a wildcard is free.
  [['0 issuewild ";"']],
  [['0 issue "letsencrypt.org; validationmethods=http-01,dns-01"']],
  [['0 contactphone "1"']],
])("%j lets Let's Encrypt issue", (values) => {
  expect(findings(plain, ...values)).toEqual([]);
});

test.each([
  [['0 issue ";"']],
  [['0 issue "letsencrypt.org.example"']],
  [['0 issue "letsencrypt.org; validationmethods=http-01"']],
  [['0 issue "letsencrypt.org"', '128 new "x"']],
])("%j forbids it", (values) => {
  expect(findings(plain, ...values)).toHaveLength(1);
});

test("a wildcard goes by issuewild where there is one, else by issue", () => {
  expect(findings(wildcard, '0 issue "letsencrypt.org"')).toEqual([]);
  expect(findings(wildcard, '0 issue ";"', '0 issuewild "letsencrypt.org"')[0]?.message).toContain(
    "for blog.example.com: ",
  );
  const [found] = findings(wildcard, '0 issue "letsencrypt.org"', '0 issuewild ";"');
  expect(found?.message).toContain("for *.blog.example.com: ");
  expect(found?.hint).toContain('0 issuewild "letsencrypt.org"');
});
