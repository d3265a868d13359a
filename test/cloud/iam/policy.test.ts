// biome-ignore-all lint/suspicious/noTemplateCurlyInString: policy variables look like that
import { describe, expect, test } from "vitest";
import { parsePolicy } from "./document.ts";
import { evaluate, type Verdict } from "./evaluate.ts";
import { contextOf, matches, matchesArn } from "./match.ts";

type Statement = Record<string, unknown>;
const statement = (more: Statement): Statement => ({ Effect: "Allow", Action: "*", Resource: "*", ...more });

function verdict(
  statements: Statement | Statement[],
  action: string,
  resource = "*",
  context: Record<string, string | string[]> = {},
): Verdict {
  const text = JSON.stringify({ Version: "2012-10-17", Statement: statements });
  return evaluate([parsePolicy(text, "identity")], { action, resource, context: contextOf(context) });
}
const holds = (
  operator: string,
  key: string,
  wanted: unknown,
  context: Record<string, string | string[]>,
): boolean =>
  verdict(statement({ Condition: { [operator]: { [key]: wanted } } }), "s3:GetObject", "*", context) ===
  "allow";

describe("effects", () => {
  const allow = statement({ Action: "s3:*" });
  const deny = statement({ Effect: "Deny", Action: "s3:Delete*" });

  test("nothing is allowed by itself; an explicit deny beats any allow", () => {
    expect(verdict([allow, deny], "ec2:RunInstances")).toBe("none");
    expect(verdict([allow, deny], "s3:GetObject")).toBe("allow");
    expect(verdict([deny, allow], "s3:DeleteObject")).toBe("deny");
  });

  test("NotAction and NotResource take what is not listed", () => {
    const all = statement({
      Action: undefined,
      NotAction: ["iam:*"],
      Resource: undefined,
      NotResource: "arn:aws:s3:::b/*",
    });
    expect(verdict(all, "s3:GetObject", "arn:aws:s3:::c/x")).toBe("allow");
    expect(verdict(all, "s3:GetObject", "arn:aws:s3:::b/x")).toBe("none");
    expect(verdict(all, "iam:GetRole", "arn:aws:s3:::c/x")).toBe("none");
  });
});

describe("patterns", () => {
  test("actions ignore case and take wildcards", () => {
    expect(verdict(statement({ Action: "S3:get*" }), "s3:GetObject")).toBe("allow");
    expect(verdict(statement({ Action: "s3:Get?bject" }), "s3:GetObject")).toBe("allow");
    expect(verdict(statement({ Action: "s3:Get" }), "s3:GetObject")).toBe("none");
  });

  test("a wildcard of an ARN stays within its part, but runs over slashes", () => {
    expect(matchesArn("arn:aws:s3:::b/*", "arn:aws:s3:::b/x/y:z", undefined)).toBe(true);
    expect(matchesArn("arn:aws:*:key", "arn:aws:s3:::key", undefined)).toBe(false);
    expect(matchesArn("arn:aws:s3", "arn:aws:s3:::b/x", undefined)).toBe(true);
    expect(matchesArn("arn:aws:s3", "*", undefined)).toBe(false);
    expect(matchesArn("arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:us-east-1:1:instance/i-1", undefined)).toBe(
      true,
    );
    expect(matchesArn("arn:aws:s3:::b", "arn:aws:s3:::b/x", undefined)).toBe(false);
  });

  test("variables are taken literally, and match nothing when they have no value", () => {
    const context = contextOf({ "aws:userid": "AROA:i-1", "aws:PrincipalTag/site": "a*" });
    expect(matches("x/${aws:userid}/*", "x/AROA:i-1/y", context)).toBe(true);
    expect(matches("${aws:PrincipalTag/site}", "abc", context)).toBe(false);
    expect(matches("${aws:PrincipalTag/site}", "a*", context)).toBe(true);
    expect(matches("${aws:PrincipalTag/none}", "", context)).toBe(false);
    expect(matches("${aws:PrincipalTag/none, 'dflt'}", "dflt", context)).toBe(true);
    expect(matches("a${*}", "ab", context)).toBe(false);
    expect(matchesArn("arn:aws:s3:::b/${aws:userid}", "arn:aws:s3:::b/AROA:i-1", context)).toBe(true);
  });

  test("documents of 2008 know no variables", () => {
    const text = JSON.stringify({
      Version: "2008-10-17",
      Statement: statement({ Resource: "arn:aws:s3:::${aws:userid}" }),
    });
    const request = {
      action: "s3:X",
      resource: "arn:aws:s3:::me",
      context: contextOf({ "aws:userid": "me" }),
    };
    expect(evaluate([parsePolicy(text, "identity")], request)).toBe("none");
  });
});

describe("conditions", () => {
  const key = "aws:RequestTag/k";
  const names = "route53:ChangeResourceRecordSetsNormalizedRecordNames";
  test.each<[string, unknown, Record<string, string | string[]>, boolean]>([
    ["StringEquals", "a", { [key]: "a" }, true],
    ["StringEquals", "a", { [key.toUpperCase()]: "a" }, true],
    ["StringEquals", ["b", "a"], { [key]: "a" }, true],
    ["StringEquals", "a", { [key]: "A" }, false],
    ["StringEquals", "a*", { [key]: "ab" }, false],
    ["StringEquals", "a", {}, false],
    ["StringEqualsIfExists", "a", {}, true],
    ["StringEqualsIfExists", "a", { [key]: "b" }, false],
    ["StringEqualsIgnoreCase", "a", { [key]: "A" }, true],
    ["StringNotEquals", ["a", "b"], { [key]: "b" }, false],
    ["StringNotEquals", ["a", "b"], { [key]: "c" }, true],
    ["StringNotEquals", "a", {}, true],
    ["StringLike", "a*c", { [key]: "abc" }, true],
    ["StringLike", "a?c", { [key]: "abbc" }, false],
    ["StringNotLike", "a*", { [key]: "b" }, true],
    ["Null", "true", {}, true],
    ["Null", true, { [key]: "x" }, false],
    ["Null", "false", { [key]: "x" }, true],
    ["NumericLessThan", 10, { [key]: "9" }, true],
    ["NumericLessThan", 10, { [key]: "10" }, false],
    ["NumericGreaterThanEquals", "10", { [key]: "10" }, true],
    ["Bool", false, { [key]: "false" }, true],
    ["DateLessThan", "2026-11-21T00:00:00Z", { [key]: "2026-11-20T23:59:59Z" }, true],
    ["DateGreaterThan", "2026-11-21T00:00:00Z", { [key]: "1700000000" }, false],
    ["IpAddress", ["10.0.0.0/8", "127.0.0.0/8"], { [key]: "127.0.0.5" }, true],
    ["NotIpAddress", "127.0.0.0/8", { [key]: "127.0.0.5" }, false],
    ["IpAddress", "127.0.0.1", { [key]: "127.0.0.2" }, false],
    ["ArnLike", "arn:aws:ec2:*:*:instance/i-*", { [key]: "arn:aws:ec2:us-east-1:1:instance/i-1" }, true],
    [
      "ArnNotEquals",
      "arn:aws:ec2:*:*:instance/i-1",
      { [key]: "arn:aws:ec2:us-east-1:1:instance/i-1" },
      false,
    ],
    ["ForAnyValue:StringEquals", "a", { [key]: ["x", "a"] }, true],
    ["ForAnyValue:StringEquals", "a", {}, false],
    ["ForAllValues:StringEquals", ["a", "b"], { [key]: ["a", "b", "a"] }, true],
    ["ForAllValues:StringEquals", ["a", "b"], { [key]: ["a", "c"] }, false],
    ["ForAllValues:StringEquals", ["a"], {}, true],
    ["ForAllValues:StringLike", "*.site.example", { [key]: ["x.site.example", "site.example"] }, false],
    ["ForAllValues:StringNotEquals", ["a"], { [key]: ["b", "a"] }, false],
  ])("%s %j of %j is %s", (operator, wanted, context, expected) => {
    expect(holds(operator, key, wanted, context)).toBe(expected);
  });

  test("all operators and all keys have to hold", () => {
    const condition = {
      StringEquals: { "aws:RequestTag/a": "1", "aws:RequestTag/b": "2" },
      Bool: { "aws:SecureTransport": "true" },
    };
    const context = { "aws:RequestTag/a": "1", "aws:RequestTag/b": "2", "aws:SecureTransport": "true" };
    const check = (c: Record<string, string>) => verdict(statement({ Condition: condition }), "s3:X", "*", c);
    expect(check(context)).toBe("allow");
    expect(check({ ...context, "aws:RequestTag/b": "3" })).toBe("none");
    expect(check({ ...context, "aws:SecureTransport": "false" })).toBe("none");
  });

  test("what AWS leaves undefined, or no one models, is loud", () => {
    expect(() => holds("StringEquals", names, "a", { [names]: ["a"] })).toThrow(/ForAllValues/);
    expect(() => holds("StringEquals", "aws:SourceVpc", "a", {})).toThrow(/aws:SourceVpc is not modelled/);
  });
});

describe("documents", () => {
  test.each<[string, unknown]>([
    ["Syntax errors in policy.", { Statement: [] }],
    ["Syntax errors in policy.", { Version: "2012-10-17", Statement: statement({ Resources: "*" }) }],
    ["Syntax errors in policy.", { Version: "2020-01-01", Statement: statement({}) }],
    ["Policy statement must contain actions.", { Statement: statement({ Action: undefined }) }],
    ["Policy statement must contain resources.", { Statement: statement({ Resource: undefined }) }],
    ['must be in ARN format or "*".', { Statement: statement({ Resource: "bucket/*" }) }],
    ["must be prefaced by a vendor", { Statement: statement({ Action: "GetObject" }) }],
    [
      "Invalid Condition type : StringIs.",
      { Statement: statement({ Condition: { StringIs: { "aws:userid": "x" } } }) },
    ],
    ["should not specify a principal", { Statement: statement({ Principal: "*" }) }],
    ["must be unique", { Statement: [statement({ Sid: "A" }), statement({ Sid: "A" })] }],
  ])("refused: %s", (message, document) => {
    expect(() => parsePolicy(JSON.stringify(document), "identity")).toThrow(message);
  });

  test("a trust policy needs a principal and has no resource", () => {
    const trust = { Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } };
    expect(parsePolicy(JSON.stringify({ Statement: trust }), "trust").statements).toHaveLength(1);
    expect(() => parsePolicy(JSON.stringify({ Statement: { ...trust, Resource: "*" } }), "trust")).toThrow(
      "Resource",
    );
    expect(() =>
      parsePolicy(JSON.stringify({ Statement: { ...trust, Principal: undefined } }), "trust"),
    ).toThrow("Principal");
  });
});
