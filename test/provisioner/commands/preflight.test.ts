import {
  ChangeResourceRecordSetsCommand,
  CreateHostedZoneCommand,
  Route53Client,
  type RRType,
} from "@aws-sdk/client-route-53";
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

async function addRecord(name: string, type: RRType, value: string, policy: object = {}): Promise<void> {
  const client = new Route53Client({ region: "us-east-1" });
  const record = { Name: name, Type: type, TTL: 60, ResourceRecords: [{ Value: value }], ...policy };
  await client.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: desk.zoneId,
      ChangeBatch: { Changes: [{ Action: "CREATE", ResourceRecordSet: record }] },
    }),
  );
  client.destroy();
}

async function addZone(Name: string): Promise<string> {
  const client = new Route53Client({ region: "us-east-1" });
  const made = await client.send(new CreateHostedZoneCommand({ Name, CallerReference: Name }));
  client.destroy();
  return (made.HostedZone?.Id ?? "").replace("/hostedzone/", "");
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

  test("is delegated elsewhere: no one is asked to take mail and all else offline", async () => {
    delegateTo("ns1.elsewhere.example");
    const { hint = "" } = await refusal();
    expect(hint).toContain("use the hosted zone that has these");
    expect(hint).toContain("copy every record of example.com");
  });

  test("answers with SERVFAIL: not told as if it were not delegated", async () => {
    desk.dns.broken.add("example.com.");
    const error = await refusal();
    expect(error.message).toBe("resolvers cannot look up example.com (SERVFAIL)");
    expect(error.hint).toMatch(/DNSSEC is broken/);
  });

  test("is there twice: the one that the world is sent to is taken", async () => {
    const twin = await addZone("example.com");
    desk.cloud.route53.delegated(twin, true);
    await runUp(desk.config, desk.tools, options);
    const policies = desk.cloud.writes().filter((c) => c.operation === "PutRolePolicy");
    expect(policies.map((c) => c.input.PolicyDocument)).toEqual([expect.stringContaining(twin)]);
  });

  test("is there twice, and DNS cannot be asked: none is taken by chance", async () => {
    const twin = await addZone("example.com");
    desk.tools.publicDns = createPublicDns(["127.0.0.1:9"]);
    const { message } = await refusal();
    expect(message).toContain("which of the 2 hosted zones example.com");
    expect(message).toContain(twin);
  });

  test("has an own zone for the domain that no one is sent to: the zone above is taken", async () => {
    const inner = await addZone("blog.example.com");
    desk.cloud.route53.delegated(inner, false, []);
    await runUp(desk.config, desk.tools, options);
    const policies = desk.cloud.writes().filter((c) => c.operation === "PutRolePolicy");
    expect(policies.map((c) => c.input.PolicyDocument)).toEqual([expect.stringContaining(desk.zoneId)]);
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

  test("an AAAA record would lead others elsewhere", async () => {
    await addRecord("blog.example.com", "AAAA", "2001:db8::7");
    expect((await refusal()).message).toContain("blog.example.com has an AAAA record (2001:db8::7)");
  });

  test("an alias record is in the way", async () => {
    await addRecord("other.example.com", "A", "192.0.2.9");
    const AliasTarget = {
      HostedZoneId: desk.zoneId,
      DNSName: "other.example.com.",
      EvaluateTargetHealth: false,
    };
    await addRecord("blog.example.com", "A", "", { AliasTarget, TTL: undefined, ResourceRecords: undefined });
    expect((await refusal()).message).toBe("blog.example.com has an alias record to other.example.com.");
  });

  test("records with a routing policy, each named", async () => {
    await addRecord("blog.example.com", "A", "192.0.2.7", { SetIdentifier: "blue", Weight: 7 });
    await addRecord("blog.example.com", "A", "192.0.2.8", { SetIdentifier: "green", Weight: 3 });
    const error = await refusal();
    expect(error.message).toBe(
      'blog.example.com has records with a routing policy: A "blue" (weight 7), A "green" (weight 3)',
    );
    expect(error.hint).toContain("delete all of them");
  });

  test.each([
    [{ Region: "eu-west-1" }, "(latency, eu-west-1)"],
    [{ Failover: "PRIMARY" }, "(failover, primary)"],
    [{ MultiValueAnswer: true }, "(multivalue)"],
  ])("a record with %o", async (policy, said) => {
    await addRecord("blog.example.com", "A", "192.0.2.7", { SetIdentifier: "only", ...policy });
    expect((await refusal()).message).toContain(said);
  });

  test("the certificate's challenge leads elsewhere by a CNAME", async () => {
    await addRecord("_acme-challenge.www.blog.example.com", "CNAME", "x.acme.example");
    expect((await refusal()).message).toBe(
      "_acme-challenge.www.blog.example.com has a CNAME record to x.acme.example",
    );
  });

  test.each(["blog.example.com", "_acme-challenge.blog.example.com"])(
    "%s is delegated away",
    async (name) => {
      await addRecord(name, "NS", "ns1.elsewhere.example.");
      expect((await refusal()).message).toBe(
        `${name} is delegated away from the hosted zone example.com: its NS record names ns1.elsewhere.example`,
      );
    },
  );

  test("a name between the site's and the zone's is delegated away", async () => {
    await addRecord("deep.example.com", "NS", "ns1.elsewhere.example.");
    const error = await refusal(other("blog.example.com", "blog.deep.example.com"));
    expect(error.message).toContain("deep.example.com is delegated away");
  });
});

describe("CAA records", () => {
  test("of the zone forbid Let's Encrypt", async () => {
    await addRecord("example.com", "CAA", '0 issue "digicert.com"');
    const error = await refusal();
    expect(error.message).toBe(
      `CAA records of example.com forbid Let's Encrypt to issue for blog.example.com, www.blog.example.com: 0 issue "digicert.com"`,
    );
    expect(error.hint).toBe('add the value 0 issue "letsencrypt.org" to the CAA record of example.com');
  });

  test("of a name allow it, whatever those above it say", async () => {
    await addRecord("example.com", "CAA", '0 issue ";"');
    await addRecord("blog.example.com", "CAA", '0 issue "letsencrypt.org; validationmethods=dns-01"');
    await runUp(desk.config, desk.tools, options);
  });

  test("above the zone count where the zone has none", async () => {
    const parent = await addZone("org.test");
    const child = await addZone("example.org.test");
    const client = new Route53Client({ region: "us-east-1" });
    const record = { Name: "org.test", Type: "CAA" as const, TTL: 60 };
    await client.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: parent,
        ChangeBatch: {
          Changes: [
            {
              Action: "CREATE",
              ResourceRecordSet: { ...record, ResourceRecords: [{ Value: '0 issue "digicert.com"' }] },
            },
          ],
        },
      }),
    );
    client.destroy();
    const error = await refusal(other("example.com", "example.org.test"));
    expect(child).not.toBe(parent);
    expect(error.message).toContain("CAA records of a domain above example.org.test forbid Let's Encrypt");
  });

  test("for ACM it is Amazon that must be named", async () => {
    await addRecord("example.com", "CAA", '0 issue "letsencrypt.org"');
    const toml = `${MINIMAL}[certificate]\nsource = "acm"\n`;
    const error = await refusal(parseConfig(toml, desk.config.file));
    expect(error.message).toContain("forbid ACM");
    await addRecord("blog.example.com", "CAA", '0 issue "awstrust.com"');
    await runUp(parseConfig(toml, desk.config.file), desk.tools, options).catch((e: EverspotError) =>
      expect(e.message).not.toContain("CAA"),
    );
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
