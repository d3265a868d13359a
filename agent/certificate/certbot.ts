/** Orders certificates with Debian's certbot (2.1 or later): DNS-01, our own program as its hook. */
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Clock } from "../site/clock.ts";
import { EverspotError } from "../site/errors.ts";
import type { Authority, Issued, Order, OrderResult } from "./authority.ts";
import { askedToIssue, complaintOf, problemOf, retryWait } from "./certbot-log.ts";
import { HOOK_STATE, readHookState, writeHookState } from "./hook.ts";
import { LINEAGE_NAME, packAccounts, restoreAccounts, restoreLineage } from "./lineage.ts";

/** certbot is ended after this many seconds, fewer than the ledger's lease. */
const RUN_SECONDS = 300;

export interface CertbotOptions {
  /** Our folder; certbot's three folders are made below it. */
  folder: string;
  /** Program and first arguments of the hook; "auth" or "cleanup" is added. certbot runs it through a shell. */
  hook: readonly string[];
  clock: Clock;
  /** Program and first arguments; Debian's certbot by default. */
  command?: readonly string[];
}

export function certbot(options: CertbotOptions): Authority {
  const root = join(options.folder, "config");
  return {
    order: (order) => run(options, root, order),
    left: () => readIssued(root),
    restore: (certificate) => restoreLineage(root, certificate, (what) => hookCommand(options, what)),
  };
}

async function run(options: CertbotOptions, root: string, order: Order): Promise<OrderResult> {
  await mkdir(options.folder, { recursive: true, mode: 0o700 });
  // An account registered by an attempt that failed is worth keeping: registrations are limited too.
  await restoreAccounts(root, order.earlier ?? (await packAccounts(root)));
  const deadline = performance.now() + RUN_SECONDS * 1000;
  const result = await runOnce(options, root, order, deadline);
  if (result.outcome !== "failed" || !result.error.startsWith("accountDoesNotExist")) return result;
  await rm(join(root, "accounts"), { recursive: true, force: true });
  return runOnce(options, root, order, deadline);
}

async function runOnce(
  options: CertbotOptions,
  root: string,
  order: Order,
  deadline: number,
): Promise<OrderResult> {
  const state = join(options.folder, "hook.json");
  await rm(join(options.folder, "logs"), { recursive: true, force: true });
  await rm(state, { force: true });
  const [program = "certbot", ...first] = options.command ?? [];
  const args = [...first, ...certbotArguments(options, order)];
  // If this process is killed, certbot must not go on ordering behind its successor's back.
  const running = execa("setpriv", ["--pdeathsig", "KILL", "--", program, ...args], {
    reject: false,
    all: true,
    stdin: "ignore",
    timeout: deadline - performance.now(),
    forceKillAfterDelay: 5_000,
    env: { LC_ALL: "C.UTF-8", [HOOK_STATE]: state },
  });
  if (running.pid !== undefined) {
    await writeHookState(state, { certbot: running.pid, values: {}, changes: [] });
  }
  const result = { ...(await running), pid: running.pid };
  const issued = result.exitCode === 0 ? await readIssued(root) : undefined;
  if (issued !== undefined) return { outcome: "issued", ...issued };
  const { failure } = await readHookState(state);
  const output = (result.all ?? "").split("\n").filter((line) => line.trim() !== "");
  const log = await readFile(join(options.folder, "logs", "letsencrypt.log"), "utf8").catch(() => undefined);
  const ending = result.timedOut
    ? `certbot did not finish in ${RUN_SECONDS} s`
    : `certbot ended with ${result.exitCode ?? result.signal ?? result.code}`;
  return {
    outcome: couldHaveIssued(result, log) ? "unknown" : "failed",
    error: failure ?? problemOf(log ?? "") ?? complaintOf(output) ?? ending,
    lines: [...output.slice(-20), ending],
    retryAfter: retryWait(log ?? "", new Date(options.clock.now())),
  };
}

/** Without a log this is unknown, unless setpriv says (126, 127) that the program could not be run at all. */
const couldHaveIssued = (
  result: { pid?: number | undefined; exitCode?: number | undefined },
  log: string | undefined,
): boolean =>
  log === undefined
    ? result.pid !== undefined && result.exitCode !== 126 && result.exitCode !== 127
    : askedToIssue(log);

/** No secrets among them: the account key is in the folder, credentials for DNS are the instance's. */
export function certbotArguments(options: Pick<CertbotOptions, "folder" | "hook">, order: Order): string[] {
  const hook = (what: string): string => hookCommand(options, what);
  return [
    "certonly",
    "--non-interactive",
    "--no-random-sleep-on-renew",
    "--agree-tos",
    ...(order.email === undefined
      ? ["--register-unsafely-without-email"]
      : ["--email", order.email, "--no-eff-email"]),
    ...["--server", order.directory],
    ...["--config-dir", join(options.folder, "config")],
    ...["--work-dir", join(options.folder, "work")],
    ...["--logs-dir", join(options.folder, "logs")],
    ...["--max-log-backups", "5"],
    ...["--cert-name", LINEAGE_NAME],
    ...["--key-type", "ecdsa"],
    // When to renew is our decision; certbot's own threshold of 30 days does not fit every lifetime.
    "--force-renewal",
    "--break-my-certs",
    ...["--manual", "--preferred-challenges", "dns-01"],
    ...["--manual-auth-hook", hook("auth")],
    ...["--manual-cleanup-hook", hook("cleanup")],
    ...order.names.flatMap((name) => ["--domain", name]),
  ];
}

/** certbot gives it to a shell. */
function hookCommand({ hook }: Pick<CertbotOptions, "hook">, what: string): string {
  const words = [...hook, what];
  const odd = words.find((w) => !/^[A-Za-z0-9_./:=@+-]+$/.test(w));
  if (odd !== undefined) throw new EverspotError(`not usable in a certbot hook: ${JSON.stringify(odd)}`);
  return words.join(" ");
}

async function readIssued(root: string): Promise<Issued | undefined> {
  try {
    const live = join(root, "live", LINEAGE_NAME);
    const settings = await readFile(join(root, "renewal", `${LINEAGE_NAME}.conf`), "utf8");
    return {
      key: await readFile(join(live, "privkey.pem"), "utf8"),
      chain: await readFile(join(live, "fullchain.pem"), "utf8"),
      lineage: await packAccounts(root),
      directory: /^server = (.+)$/m.exec(settings)?.[1]?.trim() ?? "",
    };
  } catch {
    return undefined;
  }
}
