import { ChangeResourceRecordSetsCommand, Route53Client, type RRType } from "@aws-sdk/client-route-53";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EverspotError } from "../../../agent/site/errors.ts";
import { runUp } from "../../../provisioner/commands/up.ts";
import { parseConfig } from "../../../provisioner/config/load.ts";
import type { SiteConfig } from "../../../provisioner/config/site-config.ts";
import { createPublicDns } from "../../../provisioner/operator/resolver.ts";
import { AwsError } from "../../cloud/wire/server.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk();
});
afterEach(async () => {
  await desk.close();
});

const options = { refreshImage: false, wait: false, timeout: 1 };

/** What `up` says instead of beginning; it must not have changed anything. */
async function refusal(config: SiteConfig = desk.config): Promise<EverspotError> {
  const mark = desk.cloud.mark();
  const error = await runUp(config, desk.tools, options).then(
    () => expect.fail("up began"),
    (e: EverspotError) => e,
  );
  expect(desk.cloud.writes(mark).map((c) => c.operation)).toEqual([]);
  expect(desk.cloud.faults()).toEqual([]);
  return error;
}

const other = (from: string, to: string) => parseConfig(MINIMAL.replaceAll(from, to), desk.config.file);

async function addRecord(name: string, type: RRType, value: string): Promise<void> {
  const client = new Route53Client({ region: "us-east-1" });
  const record = { Name: name, Type: type, TTL: 60, ResourceRecords: [{ Value: value }] };
  await client.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: desk.zoneId,
      ChangeBatch: { Changes: [{ Action: "CREATE", ResourceRecordSet: record }] },
    }),
  );
  client.destroy();
}

function delegateTo(...servers: string[]): void {
  desk.cloud.route53.delegated(desk.zoneId, false, servers);
}

test("no credentials", async () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = process.env;
  try {
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
    const error = await refusal();
    expect(error.message).toBe("asking AWS who we are: no AWS credentials were found");
    expect(error.hint).toContain("AWS_PROFILE");
  } finally {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY });
  }
});

test("credentials that AWS does not know", async () => {
  const { AWS_ACCESS_KEY_ID } = process.env;
  try {
    process.env.AWS_ACCESS_KEY_ID = "AKIASOMEBODYELSE";
    expect((await refusal()).message).toContain("AWS does not accept the credentials");
  } finally {
    process.env.AWS_ACCESS_KEY_ID = AWS_ACCESS_KEY_ID;
  }
});

describe("the zone", () => {
  test("is not in the account", async () => {
    const error = await refusal(other("blog.example.com", "blog.elsewhere.org"));
    expect(error.message).toBe("no public hosted zone for blog.elsewhere.org in the account 123456789012");
    expect(error.hint).toContain("Route 53");
  });

  test("does not hold an alias", async () => {
    const error = await refusal(other("www.blog.example.com", "blog.elsewhere.org"));
    expect(error.message).toContain("the alias blog.elsewhere.org is not in the hosted zone example.com");
  });

  test("is not delegated", async () => {
    delegateTo();
    const error = await refusal();
    expect(error.message).toBe("example.com is not delegated: DNS knows no name servers for it");
    expect(error.hint).toMatch(/set its name servers to ns-\d+\.awsdns/);
  });

  test("is delegated elsewhere", async () => {
    delegateTo("ns1.elsewhere.example", "ns2.elsewhere.example");
    expect((await refusal()).message).toBe(
      "example.com is delegated to other name servers: ns1.elsewhere.example, ns2.elsewhere.example",
    );
  });

  test("cannot be asked about: said, and not in the way", async () => {
    const publicDns = createPublicDns(["127.0.0.1:9"]);
    await runUp(desk.config, { ...desk.tools, publicDns }, options);
    expect(desk.said()).toContain("whether example.com is delegated could not be checked");
  });
});

describe("the records", () => {
  test("another everspot site has the name", async () => {
    await addRecord("_everspot.blog.example.com", "TXT", '"everspot epoch=4 owner=i-0123456789abcdef0"');
    const error = await refusal();
    expect(error.message).toContain("i-0123456789abcdef0 of another everspot site holds blog.example.com");
    expect(error.hint).toContain("_everspot.blog.example.com");
  });

  test("a CNAME is in the way", async () => {
    await addRecord("www.blog.example.com", "CNAME", "somewhere.example");
    expect((await refusal()).message).toContain(
      "www.blog.example.com has a CNAME record to somewhere.example",
    );
  });

  test("a foreign A record is named, and a person must agree", async () => {
    await addRecord("blog.example.com", "A", "192.0.2.7");
    const asked: string[] = [];
    const questions = {
      ...desk.tools.questions,
      agree: async (question: string) => {
        asked.push(question);
      },
    };
    await runUp(desk.config, { ...desk.tools, questions }, options);
    expect(asked[0]).toContain("blog.example.com now points to 192.0.2.7, which is not everspot's");
    expect(asked[1]).toMatch(/^Bring up blog for about \$\d/);
  });

  test("an AAAA record is told of", async () => {
    await addRecord("blog.example.com", "AAAA", "2001:db8::7");
    await runUp(desk.config, desk.tools, options);
    expect(desk.said()).toContain("blog.example.com has an AAAA record (2001:db8::7)");
  });
});

describe("the image", () => {
  test("AWS has none", async () => {
    desk.cloud.wire.on("ssm", "GetParameter", () => {
      throw new AwsError("ParameterNotFound", "", 400);
    });
    const error = await refusal();
    expect(error.message).toBe("AWS has no image of debian-13 for x86_64 in us-east-1");
    expect(error.hint).toContain("/aws/service/debian/release/13/latest/amd64");
  });

  test("is gone", async () => {
    desk.cloud.ec2.images.all.delete("ami-0deb13000000a0064");
    const error = await refusal();
    expect(error.message).toBe(
      "the image ami-0deb13000000a0064 of debian-13 for x86_64 in us-east-1 is gone",
    );
  });

  test("is for another architecture", async () => {
    desk.cloud.wire.on("ssm", "GetParameter", () => ({ Parameter: { Value: "ami-0deb13000000b0064" } }));
    expect((await refusal()).message).toContain("is for arm64, not x86_64");
  });
});

test("types that the region does not offer", async () => {
  const error = await refusal(parseConfig(`${MINIMAL}[fleet]\ntypes = ["t3.mirco"]\n`, desk.config.file));
  expect(error.message).toBe("us-east-1 does not offer t3.mirco");
});

test("everything at once", async () => {
  delegateTo("ns1.elsewhere.example", "ns2.elsewhere.example");
  desk.cloud.ec2.images.all.delete("ami-0deb13000000a0064");
  await addRecord("www.blog.example.com", "CNAME", "somewhere.example");
  const error = await refusal();
  expect(error.message).toBe("blog cannot be brought up: 3 problems");
  expect(error.lines.join("\n")).toMatch(/delegated[\s\S]*CNAME[\s\S]*gone/);
});

test("the same name in another region", async () => {
  await runUp(desk.config, desk.tools, options);
  const error = await refusal(other("us-east-1", "eu-west-1")).catch((e: EverspotError) => e);
  expect(error.message).toContain("a site named blog exists already, in us-east-1");
});

test("more aliases than the role's policy can hold", async () => {
  const long = (i: number) =>
    `${String(i).padStart(2, "0")}${"a".repeat(55)}.${"b".repeat(60)}.${"c".repeat(60)}`;
  const aliases = (count: number) =>
    `aliases = [${Array.from({ length: count }, (_, i) => `"${long(i)}.example.com"`).join(", ")}]`;
  const config = (count: number) =>
    parseConfig(MINIMAL.replace(/aliases = .*/, aliases(count)), desk.config.file);
  const error = await refusal(config(20));
  expect(error.message).toMatch(/with 20 aliases, the policy .* has \d+ characters, and IAM takes 10240/);
  await runUp(config(10), desk.tools, options);
});
