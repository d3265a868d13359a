/** What a certificate authority was asked and did, read from the ACME messages that pass (RFC 8555 §7). */
import { z } from "zod";
import type { Clock } from "../../../agent/site/clock.ts";
import type { RequestKind } from "./faults.ts";
import type { AcmeRequest } from "./jws.ts";
import { Limits, type Refusal } from "./limits.ts";

export interface Counted {
  at: Date;
  account: string;
  names: string[];
}

const directorySchema = z.object({ newNonce: z.string(), newAccount: z.string(), newOrder: z.string() });
const orderSchema = z.object({
  finalize: z.string(),
  authorizations: z.array(z.string()),
  certificate: z.string().optional(),
});
const orderPayload = z.object({ identifiers: z.array(z.object({ value: z.string() })) });
const authorizationSchema = z.object({
  status: z.string(),
  identifier: z.object({ value: z.string() }),
  challenges: z.array(z.object({ url: z.string() })),
});

export class Books {
  readonly limits = new Limits();
  /** Accepted newOrder requests. */
  readonly orders: Counted[] = [];
  readonly issuances: Counted[] = [];
  /** Validations that failed. */
  readonly failures: Counted[] = [];
  /** "Rate limited" answers for a limit reached; faults are not among them. */
  readonly refusals: (Refusal & Counted)[] = [];
  readonly #clock: Clock;
  readonly #kinds = new Map<string, RequestKind>();
  readonly #unfinished = new Map<string, Counted>();
  readonly #failed = new Set<string>();

  /** @param directory URL. */
  constructor(clock: Clock, directory: string) {
    this.#clock = clock;
    this.#kinds.set(new URL(directory).pathname, "directory");
  }

  /** Addresses become known with the answers that name them. */
  kindOf(path: string): RequestKind {
    return this.#kinds.get(path) ?? "other";
  }

  /** Path of newNonce, once the directory was asked. */
  get noncePath(): string | undefined {
    return [...this.#kinds].find(([, kind]) => kind === "nonce")?.[0];
  }

  /** Asked at each newOrder; accepting it counts. */
  refuse(acme: AcmeRequest | undefined): Refusal | undefined {
    const wanted = this.#counted(acme);
    const refusal = this.limits.order(wanted.account, wanted.names, this.#clock.now());
    if (refusal !== undefined) this.refusals.push({ ...refusal, ...wanted });
    return refusal;
  }

  /** What an order asks for; none of anything else. */
  namesIn(acme: AcmeRequest | undefined): string[] {
    const parsed = orderPayload.safeParse(acme?.payload);
    return parsed.success ? parsed.data.identifiers.map((i) => i.value.toLowerCase()) : [];
  }

  #counted(acme: AcmeRequest | undefined): Counted {
    const names = this.namesIn(acme);
    return { at: new Date(this.#clock.now()), account: acme?.account ?? "", names };
  }

  /** @param body of an answer that was no refusal. */
  note(kind: RequestKind, path: string, acme: AcmeRequest | undefined, body: Buffer): void {
    const json = parseJson(body);
    if (kind === "directory") this.#learn(directorySchema.parse(json));
    else if (kind === "order") this.#noteOrder(acme, orderSchema.parse(json));
    else if (kind === "finalize") this.#noteIssuance(path);
    else if (kind === "authorization") this.#noteAuthorization(path, acme, authorizationSchema.parse(json));
    const order = orderSchema.safeParse(json);
    if (order.success && order.data.certificate !== undefined) {
      this.#kinds.set(new URL(order.data.certificate).pathname, "certificate");
    }
  }

  #learn(directory: z.infer<typeof directorySchema>): void {
    this.#kinds.set(new URL(directory.newNonce).pathname, "nonce");
    this.#kinds.set(new URL(directory.newAccount).pathname, "account");
    this.#kinds.set(new URL(directory.newOrder).pathname, "order");
  }

  #noteOrder(acme: AcmeRequest | undefined, order: z.infer<typeof orderSchema>): void {
    const counted = this.#counted(acme);
    const finalize = new URL(order.finalize).pathname;
    this.orders.push(counted);
    this.#kinds.set(finalize, "finalize");
    this.#unfinished.set(finalize, counted);
    for (const url of order.authorizations) this.#kinds.set(new URL(url).pathname, "authorization");
  }

  #noteIssuance(finalize: string): void {
    const order = this.#unfinished.get(finalize);
    if (order === undefined || !this.#unfinished.delete(finalize)) return;
    this.limits.issued(order.names, this.#clock.now());
    this.issuances.push({ ...order, at: new Date(this.#clock.now()) });
  }

  #noteAuthorization(
    path: string,
    acme: AcmeRequest | undefined,
    authorization: z.infer<typeof authorizationSchema>,
  ): void {
    for (const { url } of authorization.challenges) this.#kinds.set(new URL(url).pathname, "challenge");
    if (authorization.status !== "invalid" || this.#failed.has(path)) return;
    this.#failed.add(path);
    const name = authorization.identifier.value;
    this.limits.failed(acme?.account ?? "", name, this.#clock.now());
    this.failures.push({ at: new Date(this.#clock.now()), account: acme?.account ?? "", names: [name] });
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
