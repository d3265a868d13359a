import { createPrivateKey } from "node:crypto";
import * as client from "@aws-sdk/client-acm";
import { type Clock, systemClock } from "../../agent/site/clock.ts";
import type { KeyAlgorithm } from "./acm/authority.ts";
import { type Certificate, keyAlgorithmOf, type Material, namesOf } from "./acm/certificate.ts";
import { Certificates } from "./acm/certificates.ts";
import { inProgress, validation } from "./acm/errors.ts";
import { checkImport, checkReimport } from "./acm/import.ts";
import { detailOf, summaryOf } from "./acm/shapes.ts";
import type { Zones } from "./route53/zones.ts";
import { AwsError, ContractError, type WireServer } from "./wire/server.ts";

const HOUR = 3_600_000;
const TAGS = 50;

export interface AcmOptions {
  zones: Zones;
  account: string;
  region: string;
  clock?: Clock;
  /** From RequestCertificate until DescribeCertificate shows the records to put, milliseconds. */
  recordMs?: number;
}

/**
 * ACM: imported certificates, and public ones validated by a CNAME in the local Route 53, issued by an authority of
 * its own. What time changes is found out when someone asks: a certificate whose record is seen is issued, one that
 * was exported is renewed 45 days before its end as long as its records stay.
 * Not modelled: private authorities, e-mail and HTTP validation, certificates in use by other services, quotas.
 */
export class Acm {
  readonly certificates: Certificates;
  readonly #clock: Clock;

  constructor(wire: WireServer, options: AcmOptions) {
    this.#clock = options.clock ?? systemClock;
    this.certificates = new Certificates({ ...options, clock: this.#clock });
    const on = <I>(operation: string, handler: (input: I) => object | Promise<object>): WireServer =>
      wire.on<I>("acm", operation, handler);
    wire.use(client, "acm");
    on("RequestCertificate", (input: client.RequestCertificateRequest) => this.#request(input));
    on("ImportCertificate", (input: client.ImportCertificateRequest) => this.#import(input));
    on("DescribeCertificate", async (input: client.DescribeCertificateRequest) => {
      const found = await this.certificates.settled(input.CertificateArn);
      const known = this.#clock.now() >= found.created + (options.recordMs ?? 0);
      return { Certificate: detailOf(found, this.certificates.status(found), options.account, known) };
    });
    on("GetCertificate", async (input: client.GetCertificateRequest) => {
      const { certificate, chain } = await this.#material(input.CertificateArn);
      return { Certificate: certificate, CertificateChain: chain };
    });
    on("ExportCertificate", (input: client.ExportCertificateRequest) => this.#export(input));
    on("ListCertificates", (input: client.ListCertificatesRequest) => this.#list(input));
    on("DeleteCertificate", (input: client.DeleteCertificateRequest) => {
      this.certificates.all.delete(this.certificates.find(input.CertificateArn).arn);
      return {};
    });
    on("AddTagsToCertificate", (input: client.AddTagsToCertificateRequest) => {
      addTags(this.certificates.find(input.CertificateArn), input.Tags);
      return {};
    });
    on("RemoveTagsFromCertificate", (input: client.RemoveTagsFromCertificateRequest) => {
      for (const { Key } of input.Tags ?? [])
        this.certificates.find(input.CertificateArn).tags.delete(Key ?? "");
      return {};
    });
    on("ListTagsForCertificate", (input: client.ListTagsForCertificateRequest) => ({
      Tags: [...this.certificates.find(input.CertificateArn).tags].map(([Key, Value]) => ({ Key, Value })),
    }));
  }

  /** PEM: what a client has to trust. */
  async root(): Promise<string> {
    return (await this.certificates.authority()).root;
  }

  /** As ACM's managed renewal does: new key, new certificate, same ARN. */
  renew(arn: string): Promise<void> {
    return this.certificates.renew(arn);
  }

  /** Undefined for an ARN of nothing here. */
  tagsOf(arn: string): Record<string, string> | undefined {
    const found = this.certificates.all.get(arn);
    return found === undefined ? undefined : Object.fromEntries(found.tags);
  }

  #request(input: client.RequestCertificateRequest): client.RequestCertificateResponse {
    if (input.ValidationMethod !== "DNS" || input.CertificateAuthorityArn !== undefined) {
      throw new ContractError("only public certificates with DNS validation are modelled");
    }
    const names = [...new Set([input.DomainName ?? "", ...(input.SubjectAlternativeNames ?? [])])].map((n) =>
      assertDomain(n.toLowerCase()),
    );
    const now = this.#clock.now();
    const token = input.IdempotencyToken;
    const same = [...this.certificates.all.values()].find(
      (c) =>
        token !== undefined &&
        c.idempotency?.token === token &&
        c.idempotency.until > now &&
        c.names.join() === names.join(),
    );
    if (same !== undefined) return { CertificateArn: same.arn };
    const certificate = this.certificates.create("AMAZON_ISSUED", names, assertAlgorithm(input.KeyAlgorithm));
    certificate.exportable = input.Options?.Export === "ENABLED";
    certificate.idempotency = token === undefined ? undefined : { token, until: now + HOUR };
    addTags(certificate, input.Tags);
    this.certificates.all.set(certificate.arn, certificate);
    return { CertificateArn: certificate.arn };
  }

  #import(input: client.ImportCertificateRequest): client.ImportCertificateResponse {
    const now = this.#clock.now();
    const current =
      input.CertificateArn === undefined ? undefined : this.certificates.find(input.CertificateArn);
    if (current !== undefined && input.Tags !== undefined) {
      throw validation("You cannot apply tags when reimporting a certificate.");
    }
    const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("utf8");
    const material = checkImport(
      {
        certificate: text(input.Certificate),
        privateKey: text(input.PrivateKey),
        chain: input.CertificateChain === undefined ? undefined : text(input.CertificateChain),
      },
      now,
    );
    if (current !== undefined) checkReimport(current, material);
    const names = namesOf(material.parsed);
    const certificate =
      current ?? this.certificates.create("IMPORTED", names, keyAlgorithmOf(material.parsed));
    Object.assign(certificate, { names, material, imported: now });
    addTags(certificate, input.Tags);
    this.certificates.all.set(certificate.arn, certificate);
    return { CertificateArn: certificate.arn };
  }

  async #material(arn: string | undefined): Promise<Material> {
    const { material } = await this.certificates.settled(arn);
    if (material === undefined) throw inProgress(arn ?? "");
    return material;
  }

  /** The key encrypted as PKCS#8 with the passphrase (API reference, ExportCertificate). */
  async #export(input: client.ExportCertificateRequest): Promise<client.ExportCertificateResponse> {
    const certificate = this.certificates.find(input.CertificateArn);
    const passphrase = Buffer.from(input.Passphrase ?? []);
    if (
      passphrase.length < 4 ||
      passphrase.length > 128 ||
      /[#$%]|[^\x20-\x7e]/.test(passphrase.toString("latin1"))
    ) {
      throw validation("Passphrase must be 4 to 128 ASCII characters, without #, $ and %.");
    }
    if (!certificate.exportable) throw validation(`Certificate ARN: ${certificate.arn} is not exportable.`);
    const material = await this.#material(certificate.arn);
    certificate.exported = true;
    const key = createPrivateKey(material.privateKey);
    return {
      Certificate: material.certificate,
      CertificateChain: material.chain,
      PrivateKey: key
        .export({
          type: "pkcs8",
          format: "pem",
          cipher: "aes-256-cbc",
          passphrase: passphrase.toString("latin1"),
        })
        .toString(),
    };
  }

  /** Without `Includes.keyTypes` only RSA certificates of 1024 and 2048 bits are listed (API reference, Filters). */
  async #list(input: client.ListCertificatesRequest): Promise<client.ListCertificatesResponse> {
    const { keyTypes = ["RSA_1024", "RSA_2048"], exportOption, ...others } = input.Includes ?? {};
    const origins = input.CertificateKeyPairOrigins ?? ["AWS_MANAGED", "CUSTOMER_PROVIDED"];
    if (Object.keys(others).length > 0)
      throw new ContractError(`ListCertificates by ${Object.keys(others).join()}`);
    const all = await Promise.all(
      [...this.certificates.all.keys()].map((arn) => this.certificates.settled(arn)),
    );
    const chosen = all.filter(
      (c) =>
        keyTypes.includes(c.keyAlgorithm) &&
        origins.includes(c.origin) &&
        (exportOption === undefined || (exportOption === "ENABLED") === c.exportable) &&
        (input.CertificateStatuses?.includes(this.certificates.status(c)) ?? true),
    );
    const size = input.MaxItems ?? 1000;
    if (size < 1 || size > 1000) throw validation("MaxItems must be between 1 and 1000.");
    const start =
      input.NextToken === undefined ? 0 : Number(Buffer.from(input.NextToken, "base64").toString());
    if (!Number.isInteger(start)) throw validation("Invalid NextToken.");
    const end = start + size;
    return {
      CertificateSummaryList: chosen.slice(start, end).map((c) => summaryOf(c, this.certificates.status(c))),
      ...(end < chosen.length ? { NextToken: Buffer.from(String(end)).toString("base64") } : {}),
    };
  }
}

function addTags(certificate: Certificate, tags: readonly client.Tag[] | undefined): void {
  for (const { Key, Value } of tags ?? []) certificate.tags.set(Key ?? "", Value ?? "");
  if (certificate.tags.size > TAGS) {
    throw new AwsError("TooManyTagsException", `A certificate can have at most ${TAGS} tags.`, 400);
  }
}

function assertDomain(name: string): string {
  if (
    name.length <= 253 &&
    /^(\*\.)?(((?!-)[a-z0-9-]{0,62}[a-z0-9])\.)+((?!-)[a-z0-9-]{1,62}[a-z0-9])$/.test(name)
  ) {
    return name;
  }
  throw validation(
    `1 validation error detected: Value '${name}' at 'domainName' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\*\\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])`,
  );
}

function assertAlgorithm(given: client.KeyAlgorithm | undefined): KeyAlgorithm {
  const algorithm = given ?? "RSA_2048";
  if (algorithm === "RSA_2048" || algorithm === "EC_prime256v1" || algorithm === "EC_secp384r1")
    return algorithm;
  throw validation(`KeyAlgorithm ${algorithm} cannot be requested.`);
}
