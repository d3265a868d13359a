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
  const rules = metadataRules({ address: "127.0.1.7", port: 1338 }, 996);
  expect(rules).toContain("elements = { 127.0.1.7 . 1338 }");
  expect(rules).toContain("elements = { 996 }");
  expect(rules).not.toMatch(/flush (ruleset|table|set)|delete|destroy/);
  expect(rules.match(/^flush .*$/gm)).toEqual(["flush chain inet everspot output"]);
  expect(metadataDropIn({ address: "127.0.1.7", port: 1338 })).toContain("IPAddressDeny=127.0.1.7 ");
});
