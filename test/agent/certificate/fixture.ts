/** A bucket in memory, a clock that jumps over sleeps, and a CA that signs real certificates at any date. */
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Authority, Issued, Order, OrderResult } from "../../../agent/certificate/authority.ts";
import type { CertificateContext } from "../../../agent/certificate/context.ts";
import { signCertificate } from "../../../agent/certificate/x509.ts";
import type { Clock } from "../../../agent/site/clock.ts";
import { ConditionFailed, type ObjectStore } from "../../../agent/site/store.ts";
import { Limits, type Refusal } from "../../cloud/ca/limits.ts";

export const HOUR = 3600_000;
export const DAY = 24 * HOUR;
export const DIRECTORY = "https://ca.test/directory";

/** No one waits: a sleep moves the time. */
export class JumpingClock implements Clock {
  time = Date.UTC(2026, 10, 21, 12);
  now(): number {
    return this.time;
  }
  async sleep(ms: number): Promise<void> {
    this.time += ms;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Keeps the contract of ObjectStore; `before` and `after` see each write and may throw or never return. */
export class MemoryStore implements ObjectStore {
  readonly url = "s3://test";
  readonly objects = new Map<string, { body: Uint8Array; etag: string; modified: Date }>();
  readonly writes: string[] = [];
  before: (key: string) => Promise<void> | void = () => {};
  after: (key: string) => Promise<void> | void = () => {};
  onRead: (key: string) => Promise<void> | void = () => {};
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  #date(): Date {
    return new Date(Math.floor(this.#clock.now() / 1000) * 1000);
  }

  async get(key: string) {
    await this.onRead(key);
    const found = this.objects.get(key);
    return found && { body: found.body, etag: found.etag, date: this.#date() };
  }
  async head(key: string) {
    const found = this.objects.get(key);
    return found && { etag: found.etag, size: found.body.length, modified: found.modified };
  }
  async put(key: string, body: Uint8Array | string, condition?: { ifMatch: string } | { ifNoneMatch: "*" }) {
    await this.before(key);
    const now = this.objects.get(key)?.etag;
    if (condition !== undefined) {
      const holds = "ifMatch" in condition ? now === condition.ifMatch : now === undefined;
      if (!holds) throw new ConditionFailed(key);
    }
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const etag = createHash("md5").update(bytes).digest("hex");
    this.objects.set(key, { body: bytes, etag, modified: this.#date() });
    this.writes.push(key);
    await this.after(key);
    return { etag, date: this.#date() };
  }
  async list(prefix: string) {
    await this.onRead(prefix);
    const found = [...this.objects].filter(([key]) => key.startsWith(prefix));
    return found
      .map(([key, o]) => ({ key, size: o.body.length, modified: o.modified }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }
  async download(): Promise<never> {
    throw new Error("not used by certificates");
  }
  async upload(): Promise<never> {
    throw new Error("not used by certificates");
  }
  text(key: string): string {
    return new TextDecoder().decode(this.objects.get(key)?.body);
  }
}

/** A CA with an intermediate, Let's Encrypt's limits and as many accounts as asked for. */
export class SmallCa {
  readonly limits = new Limits();
  readonly refusals: Refusal[] = [];
  orders = 0;
  issued = 0;
  lifetime = 90 * DAY;
  /** Of the certificates to come. */
  keyType: "ec" | "rsa" = "ec";
  readonly clock: Clock;
  readonly #root = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  readonly #intermediate = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  readonly #chain: string;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#chain = signCertificate({
      commonName: "Small CA 1",
      names: [],
      publicKey: this.#intermediate.publicKey,
      notBefore: new Date(clock.now() - 1000 * DAY),
      notAfter: new Date(clock.now() + 3000 * DAY),
      issuer: { commonName: "Small Root", privateKey: this.#root.privateKey },
      ca: true,
    });
  }

  sign(names: readonly string[], notBefore: Date, notAfter: Date): { key: string; chain: string } {
    const pair =
      this.keyType === "rsa"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const leaf = signCertificate({
      commonName: names[0] ?? "",
      names,
      publicKey: pair.publicKey,
      notBefore,
      notAfter,
      issuer: { commonName: "Small CA 1", privateKey: this.#intermediate.privateKey },
      ca: false,
    });
    return {
      key: pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      chain: leaf + this.#chain,
    };
  }

  /** As newOrder and finalize would; throws nothing. */
  order(account: string, names: readonly string[]): { key: string; chain: string } | Refusal {
    this.orders++;
    const refusal = this.limits.order(account, names, this.clock.now());
    if (refusal !== undefined) {
      this.refusals.push(refusal);
      return refusal;
    }
    this.limits.issued(names, this.clock.now());
    this.issued++;
    const now = this.clock.now();
    return this.sign(names, new Date(now - HOUR), new Date(now - HOUR + this.lifetime));
  }
}

/** What an ACME client does, with its disk; `onOrder` may throw, fail the order or never return. */
export class SmallClient implements Authority {
  last: Issued | undefined;
  readonly asked: Order[] = [];
  onOrder: (order: Order) => Promise<OrderResult | undefined> | OrderResult | undefined = () => undefined;
  onIssued: () => Promise<void> | void = () => {};
  readonly #ca: SmallCa;

  constructor(ca: SmallCa) {
    this.#ca = ca;
  }

  async order(order: Order): Promise<OrderResult> {
    this.asked.push(order);
    const instead = await this.onOrder(order);
    if (instead !== undefined) return instead;
    const answer = this.#ca.order("account", order.names);
    if ("limit" in answer) {
      return {
        outcome: "failed",
        error: answer.detail,
        lines: [answer.detail],
        retryAfter: answer.retryAt.getTime() - this.#ca.clock.now(),
      };
    }
    const lineage = {
      root: "/x",
      entries: [{ path: "accounts/a/private_key.json", mode: 0o400, text: "secret" }],
    };
    this.last = { ...answer, lineage, directory: order.directory };
    await this.onIssued();
    return { outcome: "issued", ...this.last };
  }
  async left(): Promise<Issued | undefined> {
    return this.last;
  }
  async restore(): Promise<void> {}
}

export interface Fixture {
  /** Unused when another clock was given. */
  clock: JumpingClock;
  store: MemoryStore;
  ca: SmallCa;
  /** A fresh machine: empty disk, a process of its own. */
  machine(instance?: string): Promise<Machine>;
}
export interface Machine {
  context: CertificateContext;
  client: SmallClient;
  logged: string[];
}

export function fixture(
  config: Partial<CertificateContext["config"]["certificate"]> = {},
  names = ["example.test"],
  waiting?: Clock,
): Fixture {
  const jumping = new JumpingClock();
  const clock = waiting ?? jumping;
  const store = new MemoryStore(clock);
  const ca = new SmallCa(clock);
  let count = 0;
  return {
    clock: jumping,
    store,
    ca,
    machine: async (instance) => {
      const folder = await mkdtemp(join(tmpdir(), "everspot-certificate-"));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const client = new SmallClient(ca);
      const logged: string[] = [];
      const note = (first: unknown, message?: string) => {
        logged.push(message ?? String(first));
      };
      count++;
      return {
        client,
        logged,
        context: {
          store,
          clock,
          logger: { info: note, warn: note } as CertificateContext["logger"],
          config: {
            site: "test",
            domain: names[0] ?? "example.test",
            aliases: names.slice(1),
            certificate: {
              source: "letsencrypt",
              directory: DIRECTORY,
              mirrorToAcm: false,
              wildcard: false,
              ...config,
            },
          },
          instance: instance ?? `i-${count}`,
          process: `p-${count}`,
          folder: join(folder, "certificates"),
          authority: client,
        },
      };
    },
  };
}
