/**
 * The sandboxes of the shipped units, on both Debians: systemd's own score, and each act they are there to refuse tried
 * inside. An act counts as proved where it is done outside of the sandbox and refused inside; a container refuses some
 * by itself, and those are listed as unproved.
 */
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { poll } from "../../agent/site/poll.ts";
import { type Mirror, openMirror } from "../cloud/mirror.ts";
import { ensureImage } from "../cloud/nspawn/image.ts";
import { type NspawnMachines, nspawnMachines } from "../cloud/nspawn/machines.ts";
import type { Os } from "../cloud/nspawn/recipe.ts";
import { requireSandbox } from "../cloud/sandbox/sandbox.ts";

const root = path.resolve(import.meta.dirname, "../..");
const UNITS = path.join(root, "user-data/units");
const ACTS = path.join(import.meta.dirname, "programs/acts.py");

/** What systemd-analyze may say at most. */
const ALLOWED = [
  ["everspot-app@r1.service", 2],
  ["everspot-prepare@r1.service", 2],
  ["everspot.service", 5],
  ["nginx.service", 4],
  ["nginx-forward.service", 4],
  ["site-state.service", 2],
  ["site-state@take-over.service", 2],
  ["nginx-hold.service", 4],
] as const;

/** What each refuses for certain, in a container too. */
const REFUSED: Record<string, RegExp> = {
  app: /^(ProtectSystem|ProtectHome|PrivateTmp|PrivateDevices|Inaccessible.*everspot|ProtectProc|NoNewPrivileges|LockPersonality|RestrictSUIDSGID|RestrictAddressFamilies.*(NETLINK|PACKET|ALG)|SystemCallFilter @(debug|privileged))/,
  agent:
    /^(ProtectHome|PrivateTmp|PrivateDevices|NoNewPrivileges|LockPersonality|ProtectHostname|ProtectControlGroups|RestrictAddressFamilies.*(PACKET|ALG)|RestrictNamespaces|SystemCallFilter @(debug|mount)|CapabilityBoundingSet CAP_SYS_(ADMIN|PTRACE|BOOT|RESOURCE))/,
  nginx:
    /^(ProtectSystem|ProtectHome|PrivateTmp|PrivateDevices|Inaccessible.*(opt|dbus)|NoNewPrivileges|LockPersonality|MemoryDenyWriteExecute|ProtectHostname|ProtectControlGroups|RestrictSUIDSGID|RestrictAddressFamilies|RestrictNamespaces|SystemCallFilter @(debug|mount|keyring|memlock|resources)|CapabilityBoundingSet CAP_(SYS|NET_|KILL))/,
};

describe.each(["debian-13", "debian-12"] as const)("on %s", (os: Os) => {
  const id = `i-${os === "debian-13" ? "13".padStart(17, "0") : "12".padStart(17, "0")}`;
  let mirror: Mirror;
  let machines: NspawnMachines;
  const sh = async (script: string): Promise<string> => {
    const done = await machines.exec(id, "sh", ["-c", script]);
    if (done.exitCode !== 0) throw new Error(`${script}: ${done.stdout}${done.stderr}`);
    return done.stdout.trim();
  };

  beforeAll(async () => {
    const sandbox = requireSandbox();
    mirror = await openMirror(sandbox.mirrorSocket);
    const image = await ensureImage(sandbox, os, { proxy: mirror.url, progress: console.error });
    machines = nspawnMachines({
      around: { imdsPort: 1338, proxy: mirror.url, aptSettings: {}, environment: {}, certificates: "" },
      image: async () => image,
    });
    await machines.start({
      instanceId: id,
      imageId: "ami-1",
      instanceType: "t3.small",
      address: "127.0.1.9",
      availabilityZone: "us-east-1a",
      userData: undefined,
    });
    await poll(
      "pid 1",
      async () => {
        const { stdout } = await machines.exec(id, "systemctl", ["is-system-running"]);
        return /running|degraded|starting/.test(stdout) ? { done: true } : { waiting: stdout };
      },
      { seconds: 60, everySeconds: 0.2 },
    );
    await install();
  });
  afterAll(async () => {
    await machines?.close();
    await mirror?.close();
  });

  /** The units, what they expect of a machine, and beside them the same ones with another program inside. */
  async function install(): Promise<void> {
    const at = (file: string) => path.join(machines.disk(id), file);
    const units = at("etc/systemd/system");
    await cp(UNITS, units, { recursive: true });
    await writeFile(at("usr/local/lib/acts.py"), await readFile(ACTS));
    for (const folder of ["etc/everspot", "opt/everspot", "var/log/nginx", "var/lib/nginx"]) {
      await mkdir(at(folder), { recursive: true });
    }
    await writeFile(at("etc/everspot/boot.json"), "{}");
    await writeFile(at("opt/everspot/x"), "");
    await mkdir(at("var/lib/everspot/releases/r1"), { recursive: true });
    const acts = "Type=oneshot\nExecStart=/usr/bin/python3 /usr/local/lib/acts.py\n";
    const agent = (await readFile(path.join(UNITS, "everspot.service"), "utf8"))
      .replace(/^(Type|ExecStart|EnvironmentFile|Restart|RestartSec)=.*\n/gm, "")
      .replace("[Service]\n", `[Service]\n${acts}`);
    await writeFile(path.join(units, "acts-agent.service"), agent);
    await writeFile(path.join(units, "everspot-acts@.service"), `[Service]\n${acts}`);
    await writeFile(path.join(units, "acts-nginx.service"), `[Service]\n${acts}`);
    await mkdir(path.join(units, "acts-nginx.service.d"));
    await cp(
      path.join(UNITS, "nginx.service.d/sandbox.conf"),
      path.join(units, "acts-nginx.service.d/s.conf"),
    );
    await writeFile(path.join(units, "acts-free.service"), `[Service]\n${acts}`);
    await writeFile(path.join(units, "acts-user.service"), `[Service]\nUser=everspot-app\n${acts}`);
    // Debian's own has no sandbox on either; it comes with the package.
    await writeFile(
      path.join(units, "nginx.service"),
      "[Service]\nType=forking\nExecStart=/usr/sbin/nginx\n",
    );
    await sh(
      "useradd --system --user-group everspot-app; mkdir -p /run/everspot/environment; touch /root/x /tmp/acts-outside /run/dbus/acts; : > /run/everspot/environment/r1.env; mknod -m 666 /dev/acts c 1 3; systemctl daemon-reload",
    );
  }

  async function tried(unit: string): Promise<Record<string, string>> {
    await sh(`systemctl start ${unit}`);
    const said = await poll(
      `${unit}'s words`,
      async () => {
        const text = await sh(`journalctl --output=cat --no-pager --unit=${unit}`);
        const line = text.split("\n").findLast((l) => l.startsWith("ACTS "));
        return line === undefined ? { waiting: text } : { done: line };
      },
      { seconds: 20, everySeconds: 0.2 },
    );
    return JSON.parse(said.slice(5)) as Record<string, string>;
  }

  test.each(ALLOWED)("systemd-analyze security %s: at most %s", async (unit, most) => {
    const { stdout } = await machines.exec(id, "systemd-analyze", ["security", "--no-pager", unit]);
    const score = Number(/Overall exposure level for [^:]+: ([0-9.]+)/.exec(stdout)?.[1]);
    console.info(`${os} ${unit}: ${score}`);
    expect(score).toBeLessThanOrEqual(most);
  });

  test.each([
    ["app", "everspot-acts@r1.service", "acts-user.service"],
    ["agent", "acts-agent.service", "acts-free.service"],
    ["nginx", "acts-nginx.service", "acts-free.service"],
  ])("%s is refused what its sandbox is there to refuse", async (name, unit, outside) => {
    const [inside, free] = [await tried(unit), await tried(outside)];
    const acts = Object.keys(inside);
    const proved = acts.filter((act) => inside[act] !== "done" && free[act] === "done");
    const unproved = acts.filter((act) => inside[act] !== "done" && free[act] !== "done");
    const open = acts.filter((act) => inside[act] === "done");
    console.info(
      `${os} ${name}\n proved: ${proved.join(", ")}\n unproved: ${unproved.join(", ")}\n open: ${open.join(", ")}`,
    );
    expect(open.filter((act) => REFUSED[name]?.test(act))).toEqual([]);
    expect(proved.length).toBeGreaterThan(10);
  });
});

test("the nginx that forwards, or holds, has the same sandbox", async () => {
  const [one, ...others] = await Promise.all(
    ["nginx", "nginx-forward", "nginx-hold"].map((unit) =>
      readFile(path.join(UNITS, `${unit}.service.d/sandbox.conf`), "utf8"),
    ),
  );
  for (const other of others) expect(other).toBe(one);
});
