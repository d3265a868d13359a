import { expect, test } from "vitest";
import { runPermissions } from "../../../provisioner/commands/permissions.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import { createTerminal } from "../../../provisioner/operator/terminal.ts";
import { MINIMAL } from "../site.ts";

const config = parseConfig(MINIMAL, "/p/everspot.toml");

/** What the command writes. */
function print(json: boolean, account?: string) {
  const [stdout, stderr]: string[][] = [[], []];
  const terminal = createTerminal({
    json,
    stdout: { write: (t) => stdout?.push(t) },
    stderr: { write: (t) => stderr?.push(t) },
  });
  runPermissions(config, { terminal }, account === undefined ? {} : { account });
  return { document: JSON.parse(stdout?.join("") ?? ""), said: stderr?.join("") };
}

test("stdout is a policy as IAM takes it; what it is for is told beside it", () => {
  const { document, said } = print(false, "123456789012");
  expect(document).toMatchObject({ Version: "2012-10-17", Statement: expect.any(Array) });
  expect(JSON.stringify(document)).toContain("arn:aws:s3:::everspot-blog-123456789012-us-east-1");
  for (const { Sid } of document.Statement) expect(said).toMatch(new RegExp(`^${Sid} `, "m"));
});

test("--json has the same whole and in parts, for any account if none is given", () => {
  const { document } = print(true);
  const { policy, managed, statements } = document;
  expect(JSON.stringify(policy)).toContain("arn:aws:s3:::everspot-blog-*-us-east-1");
  expect(managed.flatMap((p: { Statement: object[] }) => p.Statement)).toEqual(policy.Statement);
  expect(statements).toHaveLength(policy.Statement.length);
  expect(JSON.stringify(print(true, "123456789012").document)).not.toContain(":*:");
});

test("what is no account is refused", () => {
  expect(() => print(false, "12345")).toThrow(expect.objectContaining({ exitCode: 2 }));
});
