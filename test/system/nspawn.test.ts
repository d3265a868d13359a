import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Imds } from "../cloud/imds.ts";
import type { Mirror } from "../cloud/mirror.ts";
import type { NspawnMachines } from "../cloud/nspawn/machines.ts";
import { idOf, type Nspawn, openNspawn } from "./nspawn-machines.ts";

let nspawn: Nspawn;
let mirror: Mirror;
let machines: NspawnMachines;
let exits: string[];
let services: Imds[];
beforeAll(async () => {
  nspawn = await openNspawn();
  ({ mirror, machines, exits, services } = nspawn);
});
afterEach(() => nspawn?.clear());
afterAll(() => mirror?.close());

const start: Nspawn["start"] = (n, options) => nspawn.start(n, options);
const run: Nspawn["run"] = (id, script) => nspawn.run(id, script);
const booted: Nspawn["booted"] = (id) => nspawn.booted(id);
const appears = (id: string, file: string, timeout = 60_000) =>
  expect.poll(() => run(id, `cat ${file}`), { timeout, interval: 50 }).not.toContain("No such file");

test("real cloud-init runs user data from IMDSv2, and apt installs through the mirror", async () => {
  const script = `set -e
date +%s%3N >/root/began; env >/root/env; id -un >/root/user
ask() { curl -sSf "$@"; }
token=$(ask -X PUT -H 'x-aws-ec2-metadata-token-ttl-seconds: 60' "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/api/token")
ask -H "x-aws-ec2-metadata-token: $token" "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest/meta-data/instance-id" >/root/id
apt-get update -qq && apt-get install -qq --yes --no-install-recommends tree && tree --version >/root/done`;
  const before = await mirror.stats();
  const began = Date.now();
  const id = await start(7, { script });
  const booted = Date.now() - began;
  await appears(id, "/root/done");
  const installed = Date.now() - began;
  const userData = Number(await run(id, "cat /root/began")) - began;
  console.error(
    `pid 1 after ${booted} ms, user data after ${userData} ms, package installed after ${installed} ms`,
  );

  expect(await run(id, "cat /root/id /root/user")).toBe(`${id}root`);
  const env = await run(id, "cat /root/env");
  expect(env).toContain("AWS_ENDPOINT_URL=http://127.0.0.1:4566\n");
  expect(env).toContain("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.1.7:1338\n");
  expect(env).toContain('ODD=a "b" 100% \\c\n');
  expect(env).not.toMatch(/AWS_(ACCESS|SECRET|SESSION)|EVERSPOT/);
  expect((await mirror.stats()).requests).toBeGreaterThan(before.requests);
  // Cloud-init used version 2 only.
  const log = services[0]?.requests ?? [];
  expect(log.find((r) => r.userAgent.startsWith("Cloud-Init"))).toMatchObject({ method: "PUT", status: 200 });
  expect(log.filter((r) => r.status === 401)).toEqual([]);
});

test("it is a whole Debian: no failed unit, systemd-run, journal, the environment in every unit", async () => {
  const id = await start(8, { script: "echo from user data" });
  await booted(id);
  expect(await run(id, "systemd-run --quiet --pipe --wait env")).toContain(
    "NODE_EXTRA_CA_CERTS=/etc/ssl/certs/rehearsal.pem",
  );
  expect(
    await run(id, "tail -n 2 $REQUESTS_CA_BUNDLE | head -n 1; grep -c BEGIN $REQUESTS_CA_BUNDLE"),
  ).toMatch(/^extra\n\d{3}$/);
  // Debian's image has no nftables: what needs it brings it.
  expect(await run(id, "command -v nft || hostname")).toBe("ip-127-0-1-8");
  const lists = await run(id, "apt-get --print-uris update");
  expect(lists).toMatch(/trixie\/main\/source\/Sources/);
  expect(lists).toMatch(/trixie-backports\/main\/binary-/);
  expect(await machines.journal(id, ["--unit=cloud-init-main"])).toContain("from user data");
  expect(await machines.console(id)).toContain("from user data");
  await machines.kill(id);
  expect(await machines.journal(id)).toContain("from user data");
});

test("several at once, each on its own address", async () => {
  const [a, b] = await Promise.all([start(1), start(2)]);
  await Promise.all([booted(a), booted(b)]);
  const serve = (n: number) =>
    `cd /tmp && echo machine ${n} >index.html && systemd-run --quiet -p WorkingDirectory=/tmp python3 -m http.server --bind 127.0.1.${n} 80`;
  expect([await run(a, serve(1)), await run(b, serve(2))]).toEqual(["", ""]);
  const fetched = (n: number) =>
    fetch(`http://127.0.1.${n}/index.html`).then(
      (r) => r.text(),
      () => "",
    );
  for (const n of [1, 2]) await expect.poll(() => fetched(n), { timeout: 10_000 }).toBe(`machine ${n}\n`);
  await machines.kill(a);
  expect([await fetched(1), await fetched(2)]).toEqual(["", "machine 2\n"]);
  expect(exits).toEqual([]);
});

test("a reboot keeps the disk, runs user data no second time, and is no exit", async () => {
  const id = await start(3, { script: "date >>/root/runs" });
  await appears(id, "/root/runs");
  const first = await run(
    id,
    "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic",
  );
  const leader = machines.leader(id);
  await machines.reboot(id);
  await expect.poll(() => machines.leader(id), { timeout: 20_000 }).not.toBe(leader);
  await expect.poll(() => machines.leader(id), { timeout: 20_000 }).toBeDefined();
  await booted(id);
  expect(await run(id, "wc -l </root/runs")).toBe("1");
  expect(
    await run(id, "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestampMonotonic"),
  ).not.toBe(first);
  expect(exits).toEqual([]);
});

test("stop and start keep the disk under another address; poweroff inside is reported", async () => {
  const id = await start(4);
  await run(id, "echo kept >/root/note");
  await machines.stop(id, 20);
  await machines.stop(id, 20);
  expect(exits).toEqual([]);
  await start(4, { address: "127.0.1.44" });
  await expect
    .poll(() => run(id, "cat /root/note; hostname"), { timeout: 20_000 })
    .toBe("kept\nip-127-0-1-44");
  await booted(id);
  await run(id, "systemctl poweroff");
  await expect.poll(() => exits, { timeout: 20_000 }).toEqual([id]);
  expect(machines.leader(id)).toBeUndefined();
});

test("killed while it starts or reboots, it does not come up", async () => {
  const id = await start(13);
  await booted(id);
  await machines.reboot(id);
  await machines.kill(id);
  const spec = {
    instanceId: idOf(14),
    imageId: "ami-1",
    instanceType: "t3.micro",
    address: "127.0.1.14",
    availabilityZone: "us-east-1a",
    userData: undefined,
  };
  for (const ms of [0, 20, 60, 150]) {
    const starting = machines.start(spec);
    await new Promise((resolve) => setTimeout(resolve, ms));
    await Promise.allSettled([starting, machines.kill(spec.instanceId)]);
    expect({ ms, leader: machines.leader(spec.instanceId) }).toEqual({ ms, leader: undefined });
    await machines.remove(spec.instanceId);
  }
  expect(machines.leader(id)).toBeUndefined();
  expect(exits).toEqual([]);
});

test("frozen, nothing moves; thawed, it goes on; a frozen machine can be killed", async () => {
  const id = await start(5);
  await booted(id);
  const count = () => readFile(`${machines.disk(id)}/root/count`, "utf8").then((text) => text.length);
  await run(id, "systemd-run --quiet bash -c 'while :; do echo -n . >>/root/count; sleep 0.02; done'");
  await expect.poll(count, { timeout: 10_000 }).toBeGreaterThan(2);
  await machines.freeze(id);
  const frozen = await count();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await count()).toBe(frozen);
  await machines.thaw(id);
  await expect.poll(count, { timeout: 5_000 }).toBeGreaterThan(frozen);
  await machines.freeze(id);
  await machines.kill(id);
  expect(machines.leader(id)).toBeUndefined();
  expect(exits).toEqual([]);
});

test("an image made of a machine boots, also when the machine and the image are gone", async () => {
  const id = await start(6);
  await run(id, "echo baked >/root/baked && rm /etc/motd");
  await machines.snapshot(id, "ami-baked");
  await machines.remove(id);
  const second = await start(9, { image: "ami-baked", script: "echo mine >/root/mine" });
  await machines.removeImage("ami-baked");
  await appears(second, "/root/mine");
  expect(await run(second, "cat /root/baked; ls /etc/motd")).toContain("exit 2");
  expect(await run(second, "cat /root/baked")).toBe("baked");
});

test("the memory of its type is its limit", async () => {
  const id = await start(10, { type: "t3.nano" });
  await booted(id);
  expect(machines.memoryLimited(id)).toBe(true);
  const take = (mib: number) => `systemd-run --quiet --wait python3 -c 'bytearray(${mib} << 20)'`;
  expect(await run(id, take(100))).toBe("");
  expect(await run(id, take(700))).toMatch(/^exit/);
});

test("without the mirror, apt fails at once", async () => {
  const id = await start(11);
  await mirror.off();
  const said = await run(id, "apt-get update -o APT::Update::Error-Mode=any -o Acquire::Retries=0");
  await mirror.on();
  expect(said).toMatch(/^exit 100: .*Unable to connect to 127.0.0.1:3142/s);
});

test("logs of removed machines stay readable", async () => {
  const id = await start(12, { script: "echo last words" });
  await expect.poll(() => machines.console(id), { timeout: 20_000 }).toContain("last words");
  await machines.remove(id);
  const logs = await machines.logs();
  expect(logs.get(`${id}.console`)).toContain("last words");
  expect(logs.get(`${id}.journal`)).toContain("last words");
});
