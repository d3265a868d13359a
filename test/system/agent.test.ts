/** The agent on real machines: first boot, replacement, bad candidates, restarts. One site, told in order. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { SSM } from "@aws-sdk/client-ssm";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootRecord, type BootStep, failedStep, stepLabel } from "../../agent/site/boot-record.ts";
import { poll } from "../../agent/site/poll.ts";
import { appUnit, paths } from "../../agent/system/paths.ts";
import { type AgentSite, startAgentSite } from "./agent-site.ts";
import { type Visit, visit } from "./visit.ts";

const GUESTBOOK = path.resolve(import.meta.dirname, "../sites/guestbook");
const SECRET = "p\"a$s`s\\ wo'rd\nwith a second line #not a comment";
const BOOT_SECONDS = 200;
/** An app that cannot start, and says its secret in every way on its way down. */
const TELLTALE = `import base64, html, json, os, pprint, urllib.parse
s = os.environ["EXOTIC"]
print(s, repr(s), repr(s.encode()), json.dumps(s), json.dumps(json.dumps(s)), html.escape(s), s.encode().hex(), flush=True)
print(urllib.parse.quote(s), urllib.parse.quote_plus(s), pprint.pformat([s], width=12), flush=True)
for pad in ("", "x", "xy"):
    print(base64.b64encode((pad + s).encode()).decode(), flush=True)
raise RuntimeError('this release is broken', s)
`;

let site: AgentSite;
let ca: string;
let first: string;
let second: string;

beforeAll(async () => {
  site = await startAgentSite();
  ca = await readFile(site.cloud.rootFile, "utf8");
  await new SSM({
    endpoint: site.cloud.endpoint,
    region: site.cloud.region,
    credentials: { accessKeyId: "AKIATEST", secretAccessKey: "test" },
  }).putParameter({ Name: "/everspot/guestbook/EXOTIC", Value: SECRET, Type: "SecureString" });
});
afterAll(async () => {
  if (site === undefined) return;
  await site.cloud.close();
});

const stepOf = (record: BootRecord, name: string): BootStep => {
  const found = record.steps.find((s) => s.name === name);
  if (found === undefined) throw new Error(`no step ${name} in ${record.steps.map((s) => s.name)}`);
  return found;
};
const sh = async (instance: string, script: string) => {
  const done = await site.cloud.machines.exec(instance, "sh", ["-c", script]);
  return { code: done.exitCode, out: `${done.stdout}${done.stderr}`.trim() };
};
const asApp = (instance: string, command: string) =>
  sh(instance, `setpriv --reuid everspot-app --regid everspot-app --clear-groups ${command}`);
const addressOf = async (instance: string) => (await site.record(instance))?.privateAddress ?? "";
const ask = async (instance: string, more: Partial<Visit> = {}) =>
  visit({ address: await addressOf(instance), host: "guestbook.example", ca, ...more });
/** A failed boot tells more than "not serving". */
async function serving(instance: string): Promise<BootRecord> {
  try {
    return await site.until(instance, "serving", BOOT_SECONDS);
  } catch (error) {
    const journal = await site.cloud.machines.journal(instance, ["--unit=everspot", "--unit=cloud-final"]);
    throw new Error(`${String(error)}\n${journal.slice(-6000)}`);
  }
}

describe("the first boot", () => {
  test("without a release says so, shows a 503 page, and stays alive", async () => {
    first = await site.launch();
    const record = await site.until(first, "failed", BOOT_SECONDS);
    expect(stepOf(record, "release")).toMatchObject({
      state: "failed",
      error: expect.stringContaining("no release was published yet"),
      hint: expect.stringContaining("everspot deploy"),
    });
    const answer = await poll(
      "a 503 page",
      async () => {
        // A certificate comes with the first app that works; until then visitors are met over plain HTTP.
        const plain = { address: await addressOf(first), host: "guestbook.example" };
        const found = await visit(plain).catch((error: Error) => error);
        return found instanceof Error ? { waiting: found.message } : { done: found };
      },
      { seconds: BOOT_SECONDS, everySeconds: 0.5 },
    );
    expect(answer.status).toBe(503);
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    expect(answer.body).toContain("Back in a moment");
    expect((await sh(first, "systemctl is-active everspot")).out).toBe("active");
  });

  test("serves a candidate once there is one, owns the site, and says how it went", async () => {
    await site.publish(GUESTBOOK, "r1");
    const record = await serving(first);
    expect(record).toMatchObject({ instance: first, release: "r1", epoch: 1, warnings: [] });
    expect(record.attempt).toBeGreaterThan(1);
    expect(record.steps.filter((s) => s.state !== "done")).toEqual([]);
    expect(record.steps.filter((s) => s.phase === "bootstrap").map((s) => s.name)).toEqual([
      "credentials",
      "agent",
      "units",
    ]);
    // None was ordered as long as there was no app.
    expect(record.certificate?.source).toBe("issued");
    expect(stepOf(record, "look").detail).toBe("nothing odd");
    const said = await sh(first, "cat /run/everspot-app/r1/worker-*.json");
    expect(said.out.match(/"debug": false, "key": "[0-9a-f]{16}"/g)).toHaveLength(2);
    expect(await site.channel()).toMatchObject({ current: "r1", quarantined: [] });
    expect((await site.channel())?.candidate).toBeUndefined();
    expect(await ask(first, { path: "/healthz" })).toMatchObject({ status: 200, body: "ok r1\n" });
  });

  test("the record in DNS points at it", async () => {
    const { dns } = site.cloud;
    expect(dns).toBeDefined();
    const zone = await sh(first, "getent ahostsv4 guestbook.example | head -n1");
    expect(zone.out.split(/\s+/)[0]).toBe(await addressOf(first));
  });

  test("visitors: redirect, pages, a form's database, static files, gzip", async () => {
    const plain = await visit({ address: await addressOf(first), host: "guestbook.example", path: "/a?b=c" });
    expect(plain.status).toBe(301);
    expect(plain.headers.location).toBe("https://guestbook.example/a?b=c");

    const made = await ask(first, {
      path: "/entries",
      method: "POST",
      body: JSON.stringify({ name: "Ann", message: "hello there" }),
      headers: { "content-type": "application/json" },
    });
    expect(made.status).toBe(201);
    const page = await ask(first, { host: "www.guestbook.example" });
    expect(page.status).toBe(200);
    expect(page.body).toContain("hello there");
    expect(page.headers["strict-transport-security"]).toBe("max-age=3600");
    expect(page.headers.server).toBe("nginx");

    const css = await ask(first, {
      path: "/static/guestbook/style.css",
      headers: { "accept-encoding": "gzip" },
    });
    expect(css).toMatchObject({ status: 200 });
    expect(css.headers).toMatchObject({ "content-type": expect.stringContaining("text/css") });
    expect(css.headers["cache-control"]).toBe("max-age=3600");
    const admin = await ask(first, {
      path: "/static/admin/css/base.css",
      headers: { "accept-encoding": "gzip" },
    });
    expect(admin.headers["content-encoding"]).toBe("gzip");
    expect((await ask(first, { path: "/static/../manage.py" })).status).not.toBe(200);
    expect((await ask(first, { path: "/static/none.css" })).status).toBe(404);
  });

  test("other names get nothing", async () => {
    const address = await addressOf(first);
    await expect(visit({ address, host: "other.example", ca })).rejects.toThrow(
      /alert|handshake|unrecognized/i,
    );
    expect((await ask(first, { host: "other.example", sni: "guestbook.example" })).status).toBe(421);
    await expect(visit({ address, host: "other.example" })).rejects.toThrow(/hang up|reset/i);
    await expect(visit({ address, host: address })).rejects.toThrow(/hang up|reset/i);
  });

  test("the app's user cannot reach the metadata service, root can", async () => {
    const url = `http://${await addressOf(first)}:1338/latest/api/token`;
    const put = `curl -sS -m 3 -o /dev/null -w '%{http_code}' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' ${url}`;
    expect(await sh(first, put)).toMatchObject({ code: 0, out: "200" });
    const refused = await asApp(first, put);
    expect(refused.code).not.toBe(0);
    expect(refused.out).toMatch(/refused|Failed to connect|Couldn't connect/);
    expect((await sh(first, "nft list chain inet everspot output | grep -c skuid")).out).toBe("2");
    expect((await sh(first, "nft list chain inet everspot input | grep -c @visitors")).out).toBe("1");
  });

  test("the app runs in its sandbox, with its secrets, and reads none of ours", async () => {
    const unit = appUnit("r1");
    const shown = await sh(
      first,
      `systemctl show -p User,NoNewPrivileges,ProtectSystem,Slice,IPAddressDeny ${unit}`,
    );
    expect(shown.out).toContain("User=everspot-app");
    expect(shown.out).toContain("NoNewPrivileges=yes");
    expect(shown.out).toContain("ProtectSystem=strict");
    expect(shown.out).toContain("Slice=everspot-app.slice");
    expect(shown.out).toMatch(new RegExp(`IPAddressDeny=.*${await addressOf(first)}/32`));
    expect((await sh(first, "systemctl show -p IPAddressDeny,User everspot.service")).out).toBe(
      "IPAddressDeny=\nUser=",
    );

    const pid = (await sh(first, `systemctl show -p MainPID --value ${unit}`)).out;
    const environ = await sh(first, `cat /proc/${pid}/environ | tr '\\0' '\\1'`);
    expect(environ.out.split("\u0001")).toContain(`EXOTIC=${SECRET}`);
    const files = await sh(
      first,
      `stat -c '%a %U %n' ${paths.environment}/r1.env ${paths.certificates}/current/privkey.pem`,
    );
    expect(files.out).toBe(
      `600 root ${paths.environment}/r1.env\n600 root ${paths.certificates}/current/privkey.pem`,
    );
    for (const file of [`${paths.environment}/r1.env`, `${paths.certificates}/current/privkey.pem`]) {
      expect((await asApp(first, `cat ${file}`)).code).not.toBe(0);
    }
    expect((await sh(first, "journalctl --no-pager | grep -c 'wo.rd' || true")).out).toBe("0");
  });

  test("leaves nothing failed on the machine, and no timer that renews beside the agent", async () => {
    expect((await sh(first, "systemctl --failed --no-legend --plain")).out).toBe("");
    expect((await sh(first, "systemctl is-enabled certbot.timer")).out).toBe("masked");
    expect((await sh(first, "ls /usr/sbin/policy-rc.d")).code).not.toBe(0);
  });
});

describe("a command of the operator's", () => {
  const PASSWORD = "correct horse battery";
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "everspot-"));
    const toml = `site = "guestbook"\nregion = "${site.cloud.region}"\ndomain = "guestbook.example"\n[app]\nwsgi = "project.wsgi:application"\n`;
    await writeFile(path.join(folder, "everspot.toml"), toml);
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** The command line, as it is shipped. */
  const everspot = (args: readonly string[], input: string | undefined = "") => {
    const program = execa("node", ["dist/everspot.mjs", ...args], {
      ...{ cwd: path.resolve(import.meta.dirname, "../.."), reject: false, stripFinalNewline: false },
      // Without any, stdin stays open.
      ...(input === undefined ? { stdin: "pipe" } : { input }),
      env: { ...site.cloud.env, AWS_EC2_METADATA_DISABLED: "true" },
      maxBuffer: 50e6,
    });
    return program;
  };
  const own = (command: string) => [command, "--config", path.join(folder, "everspot.toml")];
  /** What it is on the machine, once it is there. */
  const unit = () =>
    poll(
      "the command's unit",
      async () => {
        const { out } = await sh(first, "systemctl list-units --plain --no-legend 'everspot-run-*'");
        const name = /^everspot-run-\S+/.exec(out)?.[0];
        return name === undefined ? { waiting: out } : { done: name };
      },
      { seconds: 30, everySeconds: 0.2 },
    );
  const units = async () =>
    (await sh(first, "systemctl list-units --all --plain --no-legend 'everspot-run-*'")).out;

  test("has the user, the sandbox, the folder and the environment of the app, is given its words as they are, reads stdin, and its exit code comes back", async () => {
    const script = [
      'id -un; pwd; echo "$EVERSPOT_RELEASE $DJANGO_SETTINGS_MODULE"; printf %s "$EXOTIC" | md5sum',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: for the shell
      'unset=${NOTHING:-default}; echo "$unset $1"; grep NoNewPrivs /proc/self/status',
      "cat; echo complaint >&2; exit 7",
    ].join("\n");
    const done = await everspot(
      [...own("run"), "--", "sh", "-c", script, "sh", "a $HOME %n 100%"],
      "from stdin\n",
    );
    expect(done.stderr).toBe("complaint\n");
    expect(done.exitCode).toBe(7);
    const [user, cwd, environment, md5, words, privileges, ...rest] = done.stdout.split("\n");
    expect([user, cwd]).toEqual(["everspot-app", `${paths.releases}/r1`]);
    expect(environment).toBe("r1 project.settings");
    expect(md5).toContain(createHash("md5").update(SECRET).digest("hex"));
    expect(words).toBe("default a $HOME %n 100%");
    expect(privileges).toMatch(/\t1$/);
    expect(rest).toEqual(["from stdin", ""]);
    expect(await units()).toBe("");
    expect((await sh(first, `ls ${paths.runs}; ls ${paths.environment} | grep -c run || true`)).out).toBe(
      "0",
    );
  });

  test("createsuperuser: its user can log in, and the password is nowhere", async () => {
    const args = ["createsuperuser", "--username", "ann", "--email", "ann@example.com"];
    const made = await everspot([...own("manage"), ...args], `${PASSWORD}\n`);
    expect(made.stderr + made.stdout).toBe("Superuser created successfully.\n");
    expect(made.exitCode).toBe(0);
    const login = "/admin/login/?next=/admin/";
    const form = await ask(first, { path: login });
    const token = /name="csrfmiddlewaretoken" value="(\w+)"/.exec(form.body)?.[1] ?? "";
    const cookie = String(form.headers["set-cookie"]).split(";")[0] ?? "";
    const entered = await ask(first, {
      ...{ path: login, method: "POST" },
      body: new URLSearchParams({
        csrfmiddlewaretoken: token,
        username: "ann",
        password: PASSWORD,
      }).toString(),
      headers: {
        ...{ cookie, "content-type": "application/x-www-form-urlencoded" },
        referer: `https://guestbook.example${login}`,
      },
    });
    expect(entered).toMatchObject({ status: 302, headers: { location: "/admin/" } });
    expect((await sh(first, `journalctl --no-pager | grep -c '${PASSWORD}' || true`)).out).toBe("0");
    const parameters = await new SSM({
      endpoint: site.cloud.endpoint,
      region: site.cloud.region,
      credentials: { accessKeyId: "AKIATEST", secretAccessKey: "test" },
    }).describeParameters({});
    expect(parameters.Parameters?.map((p) => p.Name)).toEqual(["/everspot/guestbook/EXOTIC"]);
  });

  test("a shell from a pipe runs it as one program", async () => {
    const program =
      "from django.contrib.auth.models import User\nfor user in User.objects.all():\n    print(user)\n";
    const done = await everspot(own("shell"), program);
    expect(done).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^ann$/m) });
  });

  test("10 MB of output arrive as they are", async () => {
    const program = "import sys; [sys.stdout.write(f'{n:015}\\n') for n in range(655360)]";
    const began = Date.now();
    const done = await everspot([...own("run"), "python3", "-c", program]);
    const seconds = (Date.now() - began) / 1000;
    const all = Array.from({ length: 655_360 }, (_, n) => `${String(n).padStart(15, "0")}\n`).join("");
    expect(done.stdout === all).toBe(true);
    console.log(`10 MB of output in ${seconds.toFixed(1)} s`);
  });

  test("is held to the app's sandbox and to its own memory, and Ctrl-C ends it there as it would here", async () => {
    const program =
      "import time\ntry:\n  print('on', flush=True); time.sleep(600)\nexcept KeyboardInterrupt:\n  print('interrupted')";
    const running = everspot([...own("run"), "--memory", "48", "python3", "-c", program], undefined);
    const name = await unit();
    const shown = await sh(first, `systemctl show -p Slice,MemoryMax,IPAddressDeny,ProtectSystem ${name}`);
    expect(shown.out).toContain("Slice=everspot-app.slice");
    expect(shown.out).toContain("MemoryMax=50331648");
    expect(shown.out).toContain("ProtectSystem=strict");
    expect(shown.out).toMatch(new RegExp(`IPAddressDeny=.*${await addressOf(first)}/32`));
    await new Promise<void>((resolve) => running.stdout?.once("data", () => resolve()));
    running.kill("SIGINT");
    const done = await running;
    expect(done).toMatchObject({ exitCode: 130, stdout: "on\ninterrupted\n" });
    expect(done.stderr).toContain("cancelling the command");
    expect(await units()).toBe("");
  });

  test("the agent is killed in the middle: 75, nothing of it goes on, and it is never run again", async () => {
    const count = "echo begun >> $HOME/count; sleep 600";
    const running = everspot([...own("run"), "sh", "-c", count], undefined);
    await unit();
    await poll(
      "the command",
      async () =>
        (await sh(first, "cat /var/lib/everspot-app/count")).code === 0 ? { done: true } : { waiting: "-" },
      { seconds: 20, everySeconds: 0.2 },
    );
    await sh(first, "systemctl kill --signal=KILL everspot");
    const done = await running;
    expect(done.stderr).toMatch(/the command was interrupted on i-\w+: the instance's agent ended/);
    expect(done.exitCode).toBe(75);
    expect(await units()).toBe("");
    const again = await everspot([...own("run"), "--json", "--", "cat", "/var/lib/everspot-app/count"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ how: "ended", exitCode: 0, stdout: "begun\n" });
  });
});

describe("a replacement", () => {
  test("needs no package mirror and no certificate authority, and takes over", async () => {
    await keptPackages();
    const orders = (await site.cloud.pebble.counts()).orders;
    await site.cloud.mirror.off();
    site.cloud.machines.kill(first);
    second = await site.launch();
    const record = await serving(second);
    expect(record).toMatchObject({ release: "r1", epoch: 2, warnings: [] });
    expect(stepOf(record, "look").detail).toBe("nothing odd, seen before");
    expect(stepOf(record, "packages").detail).toMatch(/from the bucket, by Debian's index of /);
    const packages = stepOf(record, "packages");
    for (const beside of ["release", "certificate", "secrets"]) {
      expect(stepOf(record, beside).start).toBeLessThan(packages.start + (packages.seconds ?? 0));
    }
    expect(record.certificate?.source).toBe("stored");
    expect((await site.cloud.pebble.counts()).orders).toBe(orders);
    expect(await ask(second, { path: "/healthz" })).toMatchObject({ status: 200 });
  });

  test("has its packages as Debian's own tools would leave them, with all their bytecode", async () => {
    expect(await sh(second, "dpkg --audit && apt-get --quiet=2 check")).toEqual({ code: 0, out: "" });
    const installed = "nginx nginx-common nftables python3-django python3-gunicorn python3-sqlparse";
    const verified = await sh(second, `dpkg --verify ${installed}`);
    // The image has no manual pages.
    expect(verified.out.split("\n").filter((line) => !/^missing +[/]usr[/]share[/]man/.test(line))).toEqual(
      [],
    );
    const modules = `dpkg --listfiles ${installed} | grep '/dist-packages/.*[.]py$'`;
    const cached = "sed 's,\\([^/]*\\)[.]py$,__pycache__/\\1.cpython-313.pyc,'";
    const without = await sh(second, `for f in $(${modules} | ${cached}); do test -e $f || echo $f; done`);
    expect(without.out).toBe("");
  });

  test("goes on duty as the same process, with nothing of the boot in its memory", async () => {
    const agent = (await sh(second, "systemctl show -p MainPID --value everspot")).out;
    const command = await poll(
      "the duty",
      async () => {
        const { out } = await sh(second, `tr '\\0' ' ' < /proc/${agent}/cmdline`);
        return /\/agent\.mjs duty *$/.test(out) ? { done: out } : { waiting: out };
      },
      { seconds: 20, everySeconds: 0.5 },
    );
    expect(command).toContain("--max-semi-space-size=1");
    const settled = await poll(
      "what is done after a boot",
      async () => {
        const record = await site.record(second);
        return record?.settled === undefined ? { waiting: record?.state ?? "no record" } : { done: record };
      },
      { seconds: 30, everySeconds: 0.5 },
    );
    expect(settled).toMatchObject({ state: "serving", epoch: 2 });
    expect(stepOf(settled, "promote").state).toBe("done");
  });

  /** They are kept after the first machine serves. */
  const keptPackages = () =>
    poll(
      "package layers",
      async () => {
        const found = await site.store.list("layers/packages/");
        const done = found.filter(({ key }) => key.endsWith(".json")).length >= 2;
        return done ? { done: true } : { waiting: found.map((f) => f.key).join() };
      },
      { seconds: 60, everySeconds: 0.5 },
    );
});

describe("a machine that serves", () => {
  test("goes on serving while its agent is killed and starts again", async () => {
    const before = await sh(second, `systemctl show -p MainPID --value ${appUnit("r1")} nginx`);
    await sh(second, "systemctl kill --signal=KILL everspot");
    expect((await ask(second, { path: "/healthz" })).status).toBe(200);
    const again = await poll(
      "a new record",
      async () => {
        const record = await site.record(second);
        const release = record?.steps.find((s) => s.name === "release")?.detail;
        if (record?.state === "serving" && release?.includes("(running)")) return { done: record };
        return { waiting: `${record?.state} ${release}` };
      },
      { seconds: 60, everySeconds: 0.5 },
    );
    expect(again).toMatchObject({ release: "r1", epoch: 2 });
    expect(stepOf(again, "prepare").detail).toBe("done before");
    expect(stepOf(again, "nginx").detail).toMatch(/^unchanged/);
    expect(await sh(second, `systemctl show -p MainPID --value ${appUnit("r1")} nginx`)).toEqual(before);
  });

  test("ends cleanly when asked to", async () => {
    await sh(second, "systemctl stop everspot");
    expect((await sh(second, "systemctl show -p Result,ExecMainStatus everspot")).out).toBe(
      "Result=success\nExecMainStatus=0",
    );
    expect((await ask(second, { path: "/healthz" })).status).toBe(200);
    await sh(second, "systemctl start everspot");
  });

  test("shows a 503 page with Retry-After while the app is down", async () => {
    await sh(second, `systemctl kill --signal=STOP everspot; systemctl stop ${appUnit("r1")}`);
    const answer = await ask(second);
    expect(answer).toMatchObject({ status: 503, headers: { "cache-control": "no-store" } });
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    expect(answer.body).toContain("Back in a moment");
    await sh(second, `systemctl start ${appUnit("r1")}; systemctl kill --signal=CONT everspot`);
  });

  test("serves again after a reboot, without fetching the agent", async () => {
    const agents = () =>
      site.cloud.wire.calls.filter((c) => JSON.stringify(c.input).includes("agent/")).length;
    const before = agents();
    const bootId = (await site.record(second))?.bootId;
    await site.cloud.machines.reboot(second);
    const record = await poll(
      "the next boot",
      async () => {
        const found = await site.record(second);
        if (found?.state === "serving" && found.started > (bootedAt ?? "")) return { done: found };
        return { waiting: `${found?.state} since ${found?.started}` };
      },
      { seconds: BOOT_SECONDS, everySeconds: 0.5 },
    );
    expect(record.steps.map(stepLabel)).not.toContain("bootstrap: agent");
    expect(agents()).toBe(before);
    expect(bootId).toBeDefined();
    expect((await ask(second, { path: "/healthz" })).body).toBe("ok r1\n");
  });
  let bootedAt: string | undefined;
  beforeAll(async () => {
    bootedAt = (await site.record(second))?.started;
  });
});

describe("a candidate that is no good", () => {
  let third = "";
  test("is quarantined after two tries, with its last words, and the current release serves", async () => {
    await site.cloud.mirror.on();
    await site.publish(GUESTBOOK, "r2", (files) => {
      files.set("project/wsgi.py", Buffer.from(TELLTALE));
    });
    third = await site.launch();
    const failed = await site.until(third, "failed", BOOT_SECONDS);
    const app = failedStep(failed);
    expect(["app", "healthy"]).toContain(app?.name);
    expect(app?.lines?.join("\n")).toContain("RuntimeError: ('this release is broken', ");
    const record = await serving(third);
    expect(record).toMatchObject({ release: "r1", epoch: 3 });
    expect(record.attempt).toBe(3);
    expect((await site.channel())?.quarantined).toMatchObject([{ id: "r2" }]);
    expect((await ask(third, { path: "/healthz" })).body).toBe("ok r1\n");
    const units = await sh(third, `systemctl is-active ${appUnit("r2")} ${appUnit("r1")}`);
    expect(units.out).toBe("inactive\nactive");
  });

  test("tells no secret in anything that left the machine, however the app printed it", async () => {
    const printed = await sh(third, `journalctl --output=cat --unit=${appUnit("r2")}`);
    // The app did print it, so that the search below means something.
    expect(printed.out).toContain(Buffer.from(SECRET).toString("hex"));
    expect(printed.out).toContain(Buffer.from(SECRET).toString("base64"));
    const agent = await sh(third, "journalctl --output=cat --unit=everspot");
    expect(agent.out).toContain("[redacted]");
    const left = [agent.out];
    for (const { key } of await site.store.list("")) {
      if (/^(agent|layers|releases)\//.test(key)) continue;
      left.push(new TextDecoder().decode((await site.store.get(key))?.body));
    }
    const forms = [
      ...["second line", "a$s`s", "%20a%20second", "second+line", "%23not"],
      ...["hex", "base64"].map((e) =>
        Buffer.from(SECRET)
          .toString(e as "hex")
          .slice(4, 40),
      ),
      ...["x", "xy"].map((pad) =>
        Buffer.from(pad + SECRET)
          .toString("base64")
          .slice(4, 40),
      ),
    ];
    for (const text of left) for (const form of forms) expect(text).not.toContain(form);
  });
});

describe("an app that plants links among its static files", () => {
  const EVIL = [
    "import os, sys",
    "if 'collectstatic' in sys.argv:",
    "    aims = {'run': '/run/everspot', 'etc': '/etc/everspot', 'loop': '.', 'disk': '/dev/sda'}",
    `    aims['key'] = '${paths.certificates}/current/privkey.pem'`,
    "    aims['conf'] = '/etc/everspot/boot.json'",
    "    for name, aim in aims.items():",
    "        os.symlink(aim, 'static/' + name)",
    "    os.mkfifo('static/fifo')",
  ];
  const owned = (instance: string) =>
    sh(
      instance,
      `find / -xdev \\( -path /proc -o -path /var/lib/everspot/static -o -path /var/lib/everspot-app \\) -prune -o -user everspot-app -print; find /run -user everspot-app -print | grep -v ^/run/everspot-app/`,
    );

  test("gets nothing of root's, however often it is tried", async () => {
    await site.publish(GUESTBOOK, "r3", (files) => {
      files.set("manage.py", Buffer.from([...EVIL, "    sys.exit('again')", ""].join("\n")));
    });
    const fourth = await site.launch();
    const record = await serving(fourth);
    expect(record).toMatchObject({ release: "r1" });
    expect((await site.channel())?.quarantined.map((q) => q.id)).toContain("r3");
    expect((await owned(fourth)).out).toBe("");
    expect((await sh(fourth, "stat -c %a /etc/everspot/boot.json")).out).toBe("600");
    expect((await ask(fourth, { path: "/static/admin/css/base.css" })).status).toBe(200);
  });

  test("publishes nothing that is not its own", async () => {
    await site.publish(GUESTBOOK, "r4", (files) => {
      // Django's own comes first: it would trip over the links.
      files.set("manage.py", Buffer.from([String(files.get("manage.py")), ...EVIL, ""].join("\n")));
    });
    const fifth = await site.launch();
    const record = await serving(fifth);
    expect(record).toMatchObject({ release: "r4" });
    expect(stepOf(record, "prepare").detail).toContain("links among the static files are not served");
    expect((await owned(fifth)).out).toBe("");
    for (const path of ["key", "conf", "run/bootstrap", "etc/boot.json", "loop/loop/key", "fifo"]) {
      expect([path, (await ask(fifth, { path: `/static/${path}` })).status]).not.toEqual([path, 200]);
    }
  });
});

describe("a release of which each worker has another SECRET_KEY", () => {
  const publish = (id: string) =>
    site.publish(GUESTBOOK, id, (files) => {
      const settings = `${files.get("project/settings.py")}\nSECRET_KEY = secrets.token_hex(32)\n`;
      files.set("project/settings.py", Buffer.from(settings));
    });
  const KEYS = "SECRET_KEY differs from worker to worker";

  test("is served, and warned of", async () => {
    await publish("r5");
    const record = await serving(await site.launch());
    expect(record.release).toBe("r5");
    expect(record.warnings).toContainEqual(expect.stringContaining(KEYS));
    expect(stepOf(record, "look").detail).toMatch(/^1 odd/);
  });

  test("is refused with [app] strict, and the one that serves already is not", async () => {
    await publish("r6");
    const { app } = site.config;
    const sixth = await site.launch({ ...site.config, app: { ...app, strict: true } });
    const failed = failedStep(await site.until(sixth, "failed", BOOT_SECONDS));
    expect(failed).toMatchObject({ name: "look", error: expect.stringContaining(KEYS) });
    expect(failed?.hint).toContain("[app] strict refuses");
    const record = await serving(sixth);
    expect(record.release).toBe("r5");
    expect(record.warnings).toContainEqual(expect.stringContaining(KEYS));
    const { current, quarantined = [] } = (await site.channel()) ?? {};
    expect([current, quarantined.map((q) => q.id)]).toEqual(["r5", expect.arrayContaining(["r6"])]);
    expect((await ask(sixth, { path: "/healthz" })).body).toBe("ok r5\n");
  });
});

test("nothing in all this was answered by a guess of the local AWS", () => {
  expect(site.cloud.faults()).toEqual([]);
});
