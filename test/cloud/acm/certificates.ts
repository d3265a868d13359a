import { randomUUID } from "node:crypto";
import type { Clock } from "../../../agent/site/clock.ts";
import { ACM_IDENTITIES, mayIssue } from "../dns/caa.ts";
import type { Zones } from "../route53/zones.ts";
import { ContractError } from "../wire/server.ts";
import { type Authority, createAuthority, type KeyAlgorithm, newKeyPair } from "./authority.ts";
import { type Certificate, parse, type Status, validUntil } from "./certificate.ts";
import { notFound } from "./errors.ts";
import { eligibility } from "./shapes.ts";
import { isValidated, validationRecord } from "./validation.ts";

const DAY = 86_400_000;
/** Of an exportable public certificate (ACM user guide, 2026). */
const LIFETIME = 198 * DAY;
const RENEW_BEFORE = 45 * DAY;
const VALIDATION_TIMEOUT = 3 * DAY;

/** The account's certificates, and what time and DNS do to them. */
export class Certificates {
  /** By ARN. */
  readonly all = new Map<string, Certificate>();
  readonly #zones: Zones;
  readonly #account: string;
  readonly #region: string;
  readonly #clock: Clock;
  readonly #settling = new Map<Certificate, Promise<void>>();
  #authority: Promise<Authority> | undefined;

  constructor(of: { zones: Zones; account: string; region: string; clock: Clock }) {
    this.#zones = of.zones;
    this.#account = of.account;
    this.#region = of.region;
    this.#clock = of.clock;
  }

  find(arn: string | undefined): Certificate {
    const found = this.all.get(arn ?? "");
    if (found === undefined) throw notFound(arn ?? "");
    return found;
  }

  /** After whatever time and DNS have done to it. Asked twice at once, it happens once. */
  async settled(arn: string | undefined): Promise<Certificate> {
    const certificate = this.find(arn);
    const settling = this.#settling.get(certificate) ?? this.#settle(certificate);
    this.#settling.set(certificate, settling);
    try {
      await settling;
    } finally {
      this.#settling.delete(certificate);
    }
    return certificate;
  }

  async #settle(certificate: Certificate): Promise<void> {
    const now = this.#clock.now();
    if (certificate.type === "IMPORTED" || certificate.timedOut || certificate.forbidden) return;
    const validated = certificate.names.every((name) =>
      isValidated(this.#zones, validationRecord(this.#account, name)),
    );
    if (certificate.material === undefined) {
      if (validated && !certificate.names.every((name) => mayIssue(this.#zones, name, ACM_IDENTITIES)))
        certificate.forbidden = true;
      else if (validated) await this.#issue(certificate, now);
      else certificate.timedOut = now >= certificate.created + VALIDATION_TIMEOUT;
      return;
    }
    if (!validated || eligibility(certificate) !== "ELIGIBLE") return;
    // The clock may have moved over more than one.
    for (let due = renewalDue(certificate); due <= now; due = renewalDue(certificate)) {
      await this.#renewAt(certificate, due);
    }
  }

  /** As of now; `settled` first. */
  status(certificate: Certificate): Status {
    if (certificate.timedOut) return "VALIDATION_TIMED_OUT";
    if (certificate.forbidden) return "FAILED";
    if (certificate.material === undefined) return "PENDING_VALIDATION";
    return this.#clock.now() > validUntil(certificate.material.parsed) ? "EXPIRED" : "ISSUED";
  }

  /** As ACM's managed renewal does: new key, new certificate, same ARN. */
  async renew(arn: string): Promise<void> {
    const certificate = this.find(arn);
    if (certificate.type !== "AMAZON_ISSUED" || certificate.material === undefined) {
      throw new ContractError(`${arn} is not one ACM has issued`);
    }
    await this.#renewAt(certificate, this.#clock.now());
  }

  async #renewAt(certificate: Certificate, at: number): Promise<void> {
    await this.#issue(certificate, at);
    certificate.renewed = at;
  }

  /** Not yet one of `all`. */
  create(type: Certificate["type"], names: readonly string[], keyAlgorithm: KeyAlgorithm): Certificate {
    return {
      arn: `arn:aws:acm:${this.#region}:${this.#account}:certificate/${randomUUID()}`,
      type,
      names,
      keyAlgorithm,
      created: this.#clock.now(),
      issued: undefined,
      imported: undefined,
      material: undefined,
      origin: type === "IMPORTED" ? "CUSTOMER_PROVIDED" : "AWS_MANAGED",
      exportable: false,
      exported: false,
      renewed: undefined,
      timedOut: false,
      forbidden: false,
      idempotency: undefined,
      tags: new Map(),
    };
  }

  /** Made when it is first needed. */
  authority(): Promise<Authority> {
    this.#authority ??= createAuthority(this.#clock.now());
    return this.#authority;
  }

  async #issue(certificate: Certificate, at: number): Promise<void> {
    const authority = await this.authority();
    const keys = await newKeyPair(certificate.keyAlgorithm);
    const pem = authority.issue({
      names: certificate.names,
      publicKey: keys.publicKey,
      notBefore: new Date(at),
      notAfter: new Date(at + LIFETIME),
    });
    certificate.material = {
      certificate: pem,
      chain: authority.chain,
      privateKey: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      parsed: parse(pem),
    };
    certificate.issued = at;
  }
}

/** Milliseconds since the epoch. */
const renewalDue = ({ material }: Certificate): number =>
  material === undefined ? Number.POSITIVE_INFINITY : validUntil(material.parsed) - RENEW_BEFORE;
