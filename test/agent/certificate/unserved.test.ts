/** nginx must not go on with an old certificate because the agent died before the reload. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:tls";
import { expect, test } from "vitest";
import { ensureCertificate } from "../../../agent/certificate/ensure.ts";
import { unserved } from "../../../agent/certificate/unserved.ts";
import { servedSerial } from "../../../agent/serving/served-serial.ts";
import { fixture } from "./fixture.ts";

test("what is installed is compared with what TLS shows", async () => {
  const world = fixture();
  const { context, logged } = await world.machine();
  const served = await ensureCertificate(context);
  const other = world.ca.sign(["example.test"], new Date(), new Date(Date.now() + 1e9));
  const own = { key: await readFile(served.key, "utf8"), chain: await readFile(served.fullchain, "utf8") };
  const server = createServer({ key: other.key, cert: other.chain });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const showing = () => servedSerial("127.0.0.1", "example.test", port);
  expect(await unserved(context, showing)).toMatchObject({ serial: served.serial, source: "stored" });
  server.setSecureContext({ key: own.key, cert: own.chain });
  expect(await unserved(context, showing)).toBeUndefined();
  await new Promise((resolve) => server.close(resolve));
  expect(await unserved(context, showing)).toBeUndefined();
  expect(logged.join()).toContain("cannot tell what nginx serves");
});
