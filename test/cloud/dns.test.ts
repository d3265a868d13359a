import dgram from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import net from "node:net";
import packet, { type DecodedPacket, type Question, type StringRecordType } from "dns-packet";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DnsServer } from "./dns.ts";
import { ManualClock } from "./manual-clock.ts";
import { applyBatch } from "./route53/batch.ts";
import { type Zone, Zones } from "./route53/zones.ts";

let clock: ManualClock;
let zones: Zones;
let zone: Zone;
let server: DnsServer;
let resolver: Resolver;

beforeEach(async () => {
  clock = new ManualClock();
  zones = new Zones(clock, { insyncMs: 0, dnsMs: undefined });
  zone = hosted("example.");
  server = await new DnsServer(zones).start();
  resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([server.address]);
});
afterEach(async () => {
  await server.stop();
  expect(server.faults).toEqual([]);
});

const hosted = (name: string): Zone =>
  zones.create({ name, callerReference: `${name}${zones.all.size}`, comment: undefined, privateZone: false });

function put(
  Name: string,
  Type: "A" | "AAAA" | "TXT" | "CNAME" | "MX" | "CAA" | "NS",
  values: string[],
  TTL = 60,
  to = zone,
): void {
  const ResourceRecordSet = { Name, Type, TTL, ResourceRecords: values.map((Value) => ({ Value })) };
  zones.commit(to, applyBatch(to, to.records, [{ Action: "UPSERT", ResourceRecordSet }]), undefined);
}

const code = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "NOERROR",
    (error: { code: string }) => error.code,
  );

/** One question over UDP, as bytes on the wire. */
async function ask(
  name: string,
  type: StringRecordType,
  edns?: number,
): Promise<DecodedPacket & { rcode: string }> {
  const socket = dgram.createSocket("udp4");
  const [host = "", port] = server.address.split(":");
  try {
    const answered = once(socket, "message");
    socket.send(question(name, type, edns), Number(port), host);
    // The types leave out the rcode.
    return packet.decode((await answered)[0]) as DecodedPacket & { rcode: string };
  } finally {
    socket.close();
  }
}

const question = (name: string, type: StringRecordType, edns?: number): Buffer =>
  packet.encode({
    type: "query",
    id: 7,
    flags: packet.RECURSION_DESIRED,
    questions: [{ name, type, class: "IN" } as Question],
    additionals:
      edns === undefined
        ? []
        : [
            {
              type: "OPT",
              name: ".",
              udpPayloadSize: edns,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
  });

describe("records", () => {
  test("every type the site uses, with its own TTL", async () => {
    put("site.example", "A", ["127.0.1.2", "127.0.1.3"], 5);
    put("site.example", "AAAA", ["::1"]);
    put("_everspot.site.example", "TXT", ['"epoch=3 owner=i-1"', '"a\\"b" "c"']);
    put("site.example", "MX", ["10 mail.example."]);
    put("site.example", "CAA", ['0 issue "letsencrypt.org"']);
    put("www.site.example", "CNAME", ["site.example."], 30);

    expect(await resolver.resolve4("site.example", { ttl: true })).toEqual([
      { address: "127.0.1.2", ttl: 5 },
      { address: "127.0.1.3", ttl: 5 },
    ]);
    expect(await resolver.resolve6("site.example")).toEqual(["::1"]);
    expect(await resolver.resolveTxt("_everspot.site.example")).toEqual([
      ["epoch=3 owner=i-1"],
      ['a"b', "c"],
    ]);
    // Node 24 names the type besides.
    expect(await resolver.resolveMx("site.example")).toMatchObject([
      { priority: 10, exchange: "mail.example" },
    ]);
    expect(await resolver.resolveCaa("site.example")).toMatchObject([
      { critical: 0, issue: "letsencrypt.org" },
    ]);
    expect(await resolver.resolveCname("www.site.example")).toEqual(["site.example"]);
    expect(await resolver.resolve4("www.site.example")).toEqual(["127.0.1.2", "127.0.1.3"]);
    expect(await resolver.resolveNs("example")).toEqual([...zone.nameServers]);
    expect(await resolver.resolveSoa("example")).toMatchObject({
      nsname: zone.nameServers[0],
      minttl: 86_400,
    });
  });

  test("names are found in any case and answered as asked", async () => {
    put("site.example", "A", ["127.0.1.2"]);
    const answer = await ask("SiTe.ExAmPlE", "A");
    expect(answer.answers).toMatchObject([{ name: "SiTe.ExAmPlE", data: "127.0.1.2" }]);
  });

  test("wildcards cover what is not there, and nothing else", async () => {
    put("*.site.example", "A", ["127.0.1.9"]);
    put("www.site.example", "TXT", ['"x"']);
    expect(await resolver.resolve4("any.site.example")).toEqual(["127.0.1.9"]);
    expect(await resolver.resolve4("deep.any.site.example")).toEqual(["127.0.1.9"]);
    expect(await code(resolver.resolve4("www.site.example"))).toBe("ENODATA");
    expect(await code(resolver.resolve4("below.www.site.example"))).toBe("ENOTFOUND");
  });

  test("a name with others below it exists without records", async () => {
    put("a.b.example", "A", ["127.0.1.2"]);
    expect(await code(resolver.resolve4("b.example"))).toBe("ENODATA");
    expect(await code(resolver.resolve4("c.example"))).toBe("ENOTFOUND");
  });

  test("a CNAME leads into another zone, and to the end of a loop", async () => {
    const other = hosted("other.");
    put("real.other", "A", ["127.0.1.4"], 60, other);
    put("alias.example", "CNAME", ["real.other."]);
    put("one.example", "CNAME", ["two.example."]);
    put("two.example", "CNAME", ["one.example."]);
    expect(await resolver.resolve4("alias.example")).toEqual(["127.0.1.4"]);
    expect((await ask("one.example", "A")).answers?.length).toBe(8);
  });

  test("NS records below the apex refer to others", async () => {
    put("sub.example", "NS", ["ns.other.test."]);
    const answer = await ask("www.sub.example", "A");
    expect(answer).toMatchObject({ rcode: "NOERROR", flag_aa: false, answers: [] });
    expect(answer.authorities).toMatchObject([{ type: "NS", name: "sub.example", data: "ns.other.test" }]);
    expect(await resolver.resolveNs("sub.example")).toEqual(["ns.other.test"]);
  });
});

describe("answers that say no", () => {
  test("NXDOMAIN and no data carry the SOA, with the time they may be remembered", async () => {
    const missing = await ask("none.example", "A");
    expect(missing).toMatchObject({ rcode: "NXDOMAIN", flag_aa: true, answers: [] });
    expect(missing.authorities).toMatchObject([{ type: "SOA", name: "example", ttl: 900 }]);
    const noData = await ask("example", "A");
    expect(noData).toMatchObject({ rcode: "NOERROR", flag_aa: true, answers: [] });
    expect(noData.authorities).toMatchObject([{ type: "SOA" }]);
  });

  test("a name of no zone is refused", async () => {
    expect((await ask("www.nowhere", "A")).rcode).toBe("REFUSED");
  });

  test("what is no question is a format error, or nothing", async () => {
    const socket = dgram.createSocket("udp4");
    const [host = "", port] = server.address.split(":");
    const answered = once(socket, "message");
    socket.send(Buffer.from("short"), Number(port), host);
    socket.send(
      Buffer.concat([Buffer.from([0, 9, 1, 0, 0, 1]), Buffer.alloc(6), Buffer.from([63])]),
      Number(port),
      host,
    );
    expect(packet.decode((await answered)[0])).toMatchObject({ id: 9, rcode: "FORMERR" });
    socket.close();
  });
});

describe("sizes", () => {
  const many = Array.from({ length: 60 }, (_, i) => `127.0.2.${i + 1}`);
  beforeEach(() => put("many.example", "A", many));

  test("too much for UDP is cut, and asked again over TCP", async () => {
    const answer = await ask("many.example", "A");
    expect(answer).toMatchObject({ flag_tc: true, answers: [] });
    expect((await resolver.resolve4("many.example")).length).toBe(60);
    expect(server.queries.map((q) => q.transport)).toContain("tcp");
  });

  test("EDNS makes room", async () => {
    const answer = await ask("many.example", "A", 4096);
    expect(answer).toMatchObject({ flag_tc: false });
    expect(answer.answers?.length).toBe(60);
    expect(answer.additionals).toMatchObject([{ type: "OPT", udpPayloadSize: 1232 }]);
  });

  test("several questions over one connection, in pieces", async () => {
    const [host = "", port] = server.address.split(":");
    const socket = net.connect(Number(port), host);
    const framed = [question("many.example", "A"), question("example", "NS")].map((message) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      return Buffer.concat([length, message]);
    });
    const bytes = Buffer.concat(framed);
    await once(socket, "connect");
    socket.setNoDelay(true);
    socket.write(bytes.subarray(0, 5));
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(bytes.subarray(5));
    let got: Buffer = Buffer.alloc(0);
    const replies: number[] = [];
    while (replies.length < 2) {
      got = Buffer.concat([got, (await once(socket, "data"))[0]]);
      while (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
        const end = 2 + got.readUInt16BE(0);
        replies.push(packet.decode(got.subarray(2, end)).answers?.length ?? 0);
        got = got.subarray(end);
      }
    }
    socket.destroy();
    expect(replies).toEqual([60, 4]);
  });
});

describe("time", () => {
  test("a change is seen once it is INSYNC", async () => {
    zones.delays.insyncMs = 30_000;
    put("site.example", "A", ["127.0.1.2"]);
    expect(await code(resolver.resolve4("site.example"))).toBe("ENOTFOUND");
    await clock.advance(20_000);
    put("site.example", "A", ["127.0.1.3"]);
    await clock.advance(10_000);
    expect(await resolver.resolve4("site.example")).toEqual(["127.0.1.2"]);
    await clock.advance(20_000);
    expect(await resolver.resolve4("site.example")).toEqual(["127.0.1.3"]);
  });

  test("or after a delay of its own", async () => {
    Object.assign(zones.delays, { insyncMs: 1000, dnsMs: 5000 });
    put("site.example", "A", ["127.0.1.2"]);
    await clock.advance(1000);
    expect(await code(resolver.resolve4("site.example"))).toBe("ENOTFOUND");
    await clock.advance(4000);
    expect(await resolver.resolve4("site.example")).toEqual(["127.0.1.2"]);
  });
});

describe("delegation", () => {
  test("a zone the parent delegates elsewhere has other name servers and no names", async () => {
    put("site.example", "A", ["127.0.1.2"]);
    zone.elsewhere = ["ns1.elsewhere.example", "ns2.elsewhere.example"];
    expect(await resolver.resolveNs("example")).toEqual(["ns1.elsewhere.example", "ns2.elsewhere.example"]);
    expect(await code(resolver.resolve4("site.example"))).toBe("ENOTFOUND");
    zone.elsewhere = undefined;
    expect(await resolver.resolveNs("example")).toEqual([...zone.nameServers]);
  });

  test("of two zones with one name the delegated one answers; a zone inside another comes first", async () => {
    const twin = hosted("example.");
    const inner = hosted("site.example.");
    put("www.example", "A", ["127.0.1.1"]);
    put("www.example", "A", ["127.0.1.2"], 60, twin);
    put("site.example", "A", ["127.0.1.3"]);
    put("site.example", "A", ["127.0.1.4"], 60, inner);
    expect(await resolver.resolve4("www.example")).toEqual(["127.0.1.1"]);
    expect(await resolver.resolve4("site.example")).toEqual(["127.0.1.4"]);
    expect(await resolver.resolveNs("example")).toEqual([...zone.nameServers]);
    [zone.elsewhere, twin.elsewhere] = [twin.nameServers, undefined];
    expect(await resolver.resolve4("www.example")).toEqual(["127.0.1.2"]);
    expect(await resolver.resolveNs("example")).toEqual([...twin.nameServers]);
  });

  test("SERVFAIL on request, at a name and below it", async () => {
    put("site.example", "A", ["127.0.1.3"]);
    server.broken.add("example.");
    expect(await code(resolver.resolve4("site.example"))).toBe("ESERVFAIL");
    expect(await code(resolver.resolveNs("example"))).toBe("ESERVFAIL");
    server.broken.clear();
    expect(await resolver.resolve4("site.example")).toEqual(["127.0.1.3"]);
  });
});

test("the log says who asked for what and was told what", async () => {
  put("site.example", "A", ["127.0.1.2"]);
  await resolver.resolve4("site.example");
  await code(resolver.resolve4("none.example"));
  expect(server.queries).toEqual([
    {
      at: clock.now(),
      name: "site.example",
      type: "A",
      transport: "udp",
      client: "127.0.0.1",
      rcode: "NOERROR",
      answers: ["127.0.1.2"],
    },
    {
      at: clock.now(),
      name: "none.example",
      type: "A",
      transport: "udp",
      client: "127.0.0.1",
      rcode: "NXDOMAIN",
      answers: [],
    },
  ]);
});

test("a resolver that remembers what is not there does so for as long as the SOA says, with all below it", async () => {
  const remembering = await new DnsServer(zones, { remembersNo: true }).start();
  const asked = new Resolver({ timeout: 1000, tries: 1 });
  asked.setServers([remembering.address]);
  const at = (name: string) => code(asked.resolve4(name));
  try {
    put("there.example", "TXT", ['"x"']);
    expect([await at("www.example"), await at("there.example")]).toEqual(["ENOTFOUND", "ENODATA"]);
    for (const name of ["www.example", "below.www.example", "there.example", "other.example"])
      put(name, "A", ["192.0.2.1"]);
    expect(await at("www.example")).toBe("ENOTFOUND");
    expect(await at("below.www.example")).toBe("ENOTFOUND");
    expect(await at("there.example")).toBe("ENODATA");
    expect(await at("other.example")).toBe("NOERROR");
    expect(await asked.resolveTxt("there.example")).toEqual([["x"]]);
    // The zone's own servers know better.
    expect(await code(resolver.resolve4("www.example"))).toBe("NOERROR");
    await clock.advance(901_000);
    for (const name of ["www.example", "below.www.example", "there.example"]) {
      expect(await at(name)).toBe("NOERROR");
    }
  } finally {
    await remembering.stop();
  }
});
