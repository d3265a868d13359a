import { expect, test } from "vitest";
import { metadataDropIn, metadataEndpoint, metadataRules } from "../../../agent/isolation/metadata-rules.ts";

test("the endpoint is an address and a port", () => {
  expect(metadataEndpoint("http://127.0.1.7:1338")).toEqual({ address: "127.0.1.7", port: 1338 });
  expect(metadataEndpoint("http://127.0.1.7/")).toEqual({ address: "127.0.1.7", port: 80 });
});

test.each(["", "127.0.1.7:80", "https://127.0.1.7", "http://imds.internal", "http://[::1]:80"])(
  "%j is none",
  (endpoint) => {
    expect(() => metadataEndpoint(endpoint)).toThrow("is not an http URL with an IPv4 address");
  },
);

test("rules only add users and addresses, and leave others' alone", () => {
  const rules = metadataRules({ address: "127.0.1.7", port: 1338 }, [996]);
  expect(rules).toContain("elements = { 127.0.1.7 . 1338 }");
  expect(rules).toContain("elements = { 996 }");
  expect(rules).not.toMatch(/flush (ruleset|table|set)|delete|destroy/);
  expect(rules.match(/^flush .*$/gm)).toEqual(["flush chain inet everspot output"]);
  expect(metadataDropIn({ address: "127.0.1.7", port: 1338 })).toContain("IPAddressDeny=127.0.1.7 ");
});

test("the app's user is refused on each way there is, and no one is let through before", () => {
  const rules = metadataRules({ address: "127.0.1.7", port: 1338 }, [996]);
  const chain = rules.slice(rules.lastIndexOf("chain output {")).split("\n").slice(1, -3);
  expect(chain.map((line) => line.trim())).toEqual([
    "meta skuid @users ip daddr . tcp dport @metadata reject with tcp reset",
    "meta skuid @users ip6 daddr fd00:ec2::254 reject",
  ]);
  expect(metadataDropIn({ address: "127.0.1.7", port: 1338 })).toBe(
    "[Service]\nIPAddressDeny=127.0.1.7 fd00:ec2::254\n",
  );
});
