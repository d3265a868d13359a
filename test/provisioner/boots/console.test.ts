import * as ec2 from "@aws-sdk/client-ec2";
import { expect, test } from "vitest";
import { EverspotError } from "../../../agent/site/errors.ts";
import type { Aws } from "../../../provisioner/aws/connect.ts";
import { createInstances } from "../../../provisioner/aws/instances.ts";
import { consoleTail, tailOf } from "../../../provisioner/boots/console.ts";
import { servesCandidate } from "../../../provisioner/deploy/candidate.ts";
import { startCloud } from "../../cloud/cloud.ts";
import { simulatedMachines } from "../../cloud/machines.ts";

test("the end of a console is what came last, readable and without empty lines", () => {
  const many = Array.from({ length: 100 }, (_, n) => `[    ${n}.0] line ${n}\r\n\r\n`).join("");
  const tail = tailOf(many);
  expect(tail).toHaveLength(25);
  expect(tail.at(-1)).toBe("[    99.0] line 99");
  expect(tailOf("")).toEqual([]);
  expect(tailOf("\u001b]0;title\u0007\u001b[1;31mred\u001b[0m\u009bx\tand a tab")).toEqual([
    "redx\tand a tab",
  ]);
  expect(tailOf(`${"x".repeat(1000)}\n`)[0]).toHaveLength(300);
});

test.each([
  ["what everspot.toml says", "POST https://hooks.example/abc failed", "POST [redacted] failed"],
  ["keys of AWS", "key ASIAIOSFODNN7EXAMPLE used", "key [redacted] used"],
  ["a session's token", "x-amz-security-token: IQoJb3JpZ2luX2VjE", "x-amz-security-token: [redacted]"],
  ["passwords in URLs", "to postgres://blog:pa55word@db/blog", "to postgres://blog:[redacted]@db/blog"],
  ["assignments", `DB_PASSWORD="hunter22" next`, `DB_PASSWORD="[redacted]" next`],
  [
    "a private key",
    "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb",
    "a\n[redacted]\nb",
  ],
  ["a private key that is cut off", "a\n-----BEGIN PRIVATE KEY-----\nMIIE\nabc", "a\n[redacted]"],
])("%s are taken out", (_, printed, shown) => {
  expect(tailOf(printed, ["https://hooks.example/abc"])).toEqual(shown.split("\n"));
});

test("a console is read from types of every age, empty at first; one that may not be read says so", async () => {
  const cloud = await startCloud({
    machines: { ...simulatedMachines(), console: async (id) => `${"x".repeat(70_000)}\nconsole of ${id}` },
  });
  const client = new ec2.EC2Client({ region: cloud.region, endpoint: cloud.endpoint });
  try {
    const { Images } = await client.send(new ec2.DescribeImagesCommand({ Owners: ["136693071363"] }));
    const ImageId = Images?.find((i) => i.Architecture === "x86_64")?.ImageId;
    const launch = async (InstanceType: ec2._InstanceType) => {
      const more = { ImageId, InstanceType, MinCount: 1, MaxCount: 1 };
      const { Instances } = await client.send(new ec2.RunInstancesCommand(more));
      await cloud.settled();
      return Instances?.[0]?.InstanceId ?? "";
    };
    const instances = createInstances(client, "blog");
    const nitro = await launch("t3.micro");
    expect((await instances.console(nitro)).length).toBe(64 * 1024);
    expect((await consoleTail({ instances }, nitro)).at(-1)).toBe(`console of ${nitro}`);
    const xen = await launch("t2.micro");
    expect(await instances.console(xen)).toBe("");
    await client.send(new ec2.TerminateInstancesCommand({ InstanceIds: [xen] }));
    await cloud.settled();
    expect(await consoleTail({ instances }, xen)).toContain(`console of ${xen}`);
    const denied = { console: () => Promise.reject(new EverspotError("reading the console of i-1: denied")) };
    expect(await consoleTail({ instances: denied }, "i-1")).toEqual(["reading the console of i-1: denied"]);
    expect(cloud.faults()).toEqual([]);
  } finally {
    client.destroy();
    await cloud.close();
  }
});

test("what a deploy ends with keeps what the console said", () => {
  const options = { release: "r1", fleet: "fleet-1", seconds: 9, signal: new AbortController().signal };
  const { ended } = servesCandidate({} as Aws, options);
  expect(ended?.(new EverspotError("not after 9 s", { lines: ["printed"] }), undefined)).toMatchObject({
    lines: ["printed"],
  });
});
