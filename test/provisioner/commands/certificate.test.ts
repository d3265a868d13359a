/** The command against the local S3, a real agent's certificate code and a real TLS server. */
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CertificateContext } from "../../../agent/certificate/context.ts";
import { ensureCertificate, renewIfDue } from "../../../agent/certificate/ensure.ts";
import { installedPaths } from "../../../agent/certificate/installed.ts";
import { updateDocument } from "../../../agent/site/document.ts";
import { siteDocument } from "../../../agent/site/documents/site-state.ts";
import { bucketName } from "../../../agent/site/names.ts";
import { createS3Client } from "../../../agent/site/s3-client.ts";
import { createS3Store } from "../../../agent/site/s3-store.ts";
import { createBucket } from "../../../provisioner/aws/bucket.ts";
import { runCertificate } from "../../../provisioner/commands/certificate.ts";
import { createQuestions } from "../../../provisioner/operator/questions.ts";
import { createReadServed } from "../../../provisioner/operator/served.ts";
import {
  DIRECTORY,
  type Fixture,
  fixture,
  JumpingClock,
  type Machine,
} from "../../agent/certificate/fixture.ts";
import { type Desk, MINIMAL, openDesk } from "../site.ts";

const DOMAIN = "blog.example.com";
const TOML = `${MINIMAL}
[certificate]
directory = "${DIRECTORY}"
`;
/** Of the local S3's clock, which tells the time of the bucket. */
class Now extends JumpingClock {
  override time = Date.now();
}

let desk: Desk;
let world: Fixture;
let machine: Machine;
let context: CertificateContext;
let tls: Server;
let tools: Desk["tools"];
const clock = new Now();

beforeEach(async () => {
  clock.time = Date.now();
  desk = await openDesk({ toml: TOML, cloud: { clock }, clock });
  const s3 = createS3Client({ region: "us-east-1" });
  const bucket = bucketName("blog", desk.cloud.account, "us-east-1");
  await createBucket(s3, bucket, "blog", "us-east-1").create();
  const store = createS3Store(s3, bucket);
  world = fixture({}, [DOMAIN, `www.${DOMAIN}`], clock);
  machine = await world.machine("i-1");
  context = { ...machine.context, store };
  await updateDocument(store, siteDocument, () => ({
    version: 1,
    epoch: 1,
    owner: "i-1",
    address: "192.0.2.1",
    privateAddress: "10.0.0.1",
    launched: new Date(clock.now()).toISOString(),
    since: new Date(clock.now()).toISOString(),
    state: "serving" as const,
  }));
  await ensureCertificate(context);
  tls = createServer(await pair());
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  const address = tls.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  tools = { ...desk.tools, readServed: createReadServed({ host: "127.0.0.1", port }) };
});
afterEach(async () => {
  await new Promise((resolve) => tls.close(resolve));
  expect(desk.cloud.faults()).toEqual([]);
  await desk.close();
});

async function pair() {
  const paths = installedPaths(context.folder);
  return { key: await readFile(paths.key), cert: await readFile(paths.fullchain) };
}

/** The owner's agent: looks again and again, and has its server take over what is new. */
function onDuty(): { stop(): Promise<void> } {
  let over = false;
  const going = (async () => {
    while (!over) {
      if ((await renewIfDue(context)) !== undefined) tls.setSecureContext(await pair());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    stop: async () => {
      over = true;
      await going;
    },
  };
}

const look = { renew: false, timeout: 600 };
const renew = { renew: true, timeout: 600 };

test("tells what is served and stored, the budget, and what was ordered", async () => {
  await runCertificate(desk.config, tools, look);
  const { served, newest, budgets, history, requested } = desk.json();
  expect(served).toMatchObject({
    issuer: "Small CA 1",
    names: [DOMAIN, `www.${DOMAIN}`],
    stored: "newest",
    distrust: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  });
  expect(newest).toMatchObject({ serial: (served as { serial: string }).serial, directory: DIRECTORY });
  expect(budgets).toMatchObject([
    { directory: DIRECTORY, issuances: { left: 3, of: 4 }, attempts: { left: 2, of: 3 }, refused: null },
  ]);
  const { nextBack } = (budgets as { issuances: { nextBack: string } }[])[0]?.issuances ?? { nextBack: "" };
  expect(Date.parse(nextBack) - clock.now()).toBeGreaterThan(6.9 * 24 * 3600_000);
  expect(history).toMatchObject([
    { what: "issued", by: "i-1", serial: (newest as { serial: string }).serial },
  ]);
  expect(requested).toBeNull();
});

test("--renew asks the owner's agent, and ends when visitors are shown the new one", async () => {
  await runCertificate(desk.config, tools, look);
  const before = desk.json();
  clock.time += 3600_000;
  const agent = onDuty();
  try {
    await runCertificate(desk.config, tools, renew);
  } finally {
    await agent.stop();
  }
  const after = desk.json() as Record<string, Record<string, unknown>>;
  expect(after.served?.serial).toBe(after.renewed?.serial);
  expect(after.served?.serial).not.toBe((before.served as { serial: string }).serial);
  expect(after).toMatchObject({ served: { stored: "newest" }, requested: null, history: [{}, {}] });
  expect(after.budgets).toMatchObject([{ issuances: { left: 2, of: 4 } }]);
  expect(world.ca.orders).toBe(2);
  expect(desk.said()).toContain("asked i-1 for a new certificate");
});

test("--renew says why there is none when the CA refuses, and the old one stays", async () => {
  clock.time += 3600_000;
  machine.client.onOrder = () => ({
    outcome: "failed",
    error: "CA is down",
    lines: [],
    retryAfter: undefined,
  });
  const agent = onDuty();
  try {
    await expect(runCertificate(desk.config, tools, renew)).rejects.toThrow(
      "no new certificate was issued: CA is down",
    );
  } finally {
    await agent.stop();
  }
  await runCertificate(desk.config, tools, look);
  expect(desk.json()).toMatchObject({
    served: { stored: "newest" },
    history: [{ what: "failed", error: "CA is down" }, { what: "issued" }],
    budgets: [{ issuances: { left: 3 }, refused: { reason: "backing-off" } }],
  });
  // Inside the back-off nothing is even asked.
  await expect(runCertificate(desk.config, tools, renew)).rejects.toThrow(/after failed attempts.*until/);
  expect(world.ca.orders).toBe(1);
});

test("--renew needs a yes, an owner that looks, and something stored", async () => {
  const unasked = { ...tools, questions: createQuestions({ yes: false }) };
  await expect(runCertificate(desk.config, unasked, renew)).rejects.toMatchObject({ exitCode: 2 });
  await runCertificate(desk.config, tools, look);
  expect(desk.json().requested).toBeNull();
  await expect(runCertificate(desk.config, tools, { ...renew, timeout: 60 })).rejects.toThrow(
    /not after 60 s; last seen: waiting for the instance to see it/,
  );
  await runCertificate(desk.config, tools, look);
  expect(desk.json().requested).toMatchObject({ by: "ann@laptop" });
  await expect(runCertificate({ ...desk.config, aliases: [] }, tools, renew)).rejects.toThrow(
    /no certificate is stored for blog.example.com yet/,
  );
});

test("a site that serves nothing, or an old certificate, is reported", async () => {
  const silent = { ...tools, readServed: createReadServed({ host: "127.0.0.1", port: 1 }) };
  await runCertificate(desk.config, silent, look);
  expect(desk.json().odd).toEqual([expect.stringMatching(/shows no certificate: .*ECONNREFUSED/)]);
  clock.time += 80 * 24 * 3600_000;
  await renewIfDue(context);
  await runCertificate(desk.config, tools, look);
  expect(desk.json().odd).toEqual([
    expect.stringContaining("do not trust"),
    expect.stringContaining("expires on"),
    expect.stringContaining("is not the one that is served"),
  ]);
});
