import {
  type ACMClient,
  type CertificateDetail,
  type CertificateKeyPairOrigin,
  type CertificateSummary,
  DeleteCertificateCommand,
  DescribeCertificateCommand,
  type KeyAlgorithm,
  ListTagsForCertificateCommand,
  paginateListCertificates,
  RequestCertificateCommand,
} from "@aws-sdk/client-acm";
import { SITE_TAG } from "../../agent/site/names.ts";
import { ignoring, named } from "./errors.ts";
import { gather } from "./network-look.ts";
import { tagOf } from "./tags.ts";

/** A record that proves to ACM that the names are ours, now and at every renewal. */
export interface ValidationRecord {
  /** Without the trailing dot. */
  name: string;
  type: "CNAME";
  value: string;
}

/** An exportable public certificate that was requested for the site. */
export interface RequestedCertificate {
  arn: string;
  /** Lower case, sorted. */
  names: string[];
  /** `unusable`: it failed, timed out, expired or was revoked. */
  state: "issued" | "pending" | "unusable";
  /** ACM's own words for the state. */
  status: string;
  /** Undefined until ACM has made them, some seconds after the request. */
  records: ValidationRecord[] | undefined;
}

/** The site's certificates in ACM. */
export interface Certificates {
  /** ARNs of the imported copies that carry the site's tag. */
  look(): Promise<string[]>;
  /** Those that were requested for the site. */
  requested(): Promise<RequestedCertificate[]>;
  /** @throws EverspotError when it is gone. */
  describe(arn: string): Promise<RequestedCertificate>;
  /** Requests a public, exportable certificate; the same token within an hour repeats the request. @returns its ARN. */
  request(names: readonly string[], token: string): Promise<string>;
  /** Which of these names another public certificate of the account covers: it needs their records too. */
  alsoFor(names: readonly string[], except: readonly string[]): Promise<string[]>;
  /** A certificate that is gone already is no error; one that CloudFront or a load balancer uses is. */
  delete(arn: string): Promise<void>;
}

/** Without them ListCertificates shows only RSA keys of 1024 and 2048 bits (ACM API Reference). */
const KEY_TYPES: KeyAlgorithm[] = [
  "RSA_1024",
  "RSA_2048",
  "RSA_3072",
  "RSA_4096",
  "EC_prime256v1",
  "EC_secp384r1",
  "EC_secp521r1",
];

/** Without them it leaves out those that were issued over ACME (the same). */
const ORIGINS: CertificateKeyPairOrigin[] = ["ACME", "AWS_MANAGED", "CUSTOMER_PROVIDED"];

export function createCertificates(client: ACMClient, site: string): Certificates {
  const all = (): Promise<CertificateSummary[]> =>
    gather(
      paginateListCertificates(
        { client },
        { Includes: { keyTypes: KEY_TYPES }, CertificateKeyPairOrigins: ORIGINS },
      ),
      (page) => page.CertificateSummaryList,
    );
  const ours = async (candidates: readonly CertificateSummary[]): Promise<string[]> => {
    const arns = candidates.map((c) => c.CertificateArn ?? "");
    const owners = await Promise.all(
      arns.map(async (arn) => {
        const { Tags } = await client.send(new ListTagsForCertificateCommand({ CertificateArn: arn }));
        return { arn, site: tagOf(Tags, SITE_TAG) };
      }),
    );
    return owners.filter((c) => c.site === site).map((c) => c.arn);
  };
  const describe = async (arn: string): Promise<RequestedCertificate> => {
    const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn: arn }));
    return requestedOf(arn, Certificate ?? {});
  };
  return {
    look: () =>
      named("looking at the certificates in ACM", async () =>
        ours((await all()).filter((c) => c.Type === "IMPORTED")),
      ),
    requested: () =>
      named("looking at the certificates in ACM", async () => {
        const found = (await all()).filter((c) => c.Type === "AMAZON_ISSUED" && c.ExportOption === "ENABLED");
        return Promise.all((await ours(found)).map(describe));
      }),
    describe: (arn) => named("looking at the certificate in ACM", () => describe(arn)),
    request: (names, token) =>
      named("requesting a certificate from ACM", async () => {
        const [domain = "", ...others] = names;
        const { CertificateArn } = await client.send(
          new RequestCertificateCommand({
            DomainName: domain,
            SubjectAlternativeNames: others.length === 0 ? undefined : [domain, ...others],
            ValidationMethod: "DNS",
            KeyAlgorithm: "EC_prime256v1",
            Options: { Export: "ENABLED" },
            IdempotencyToken: token,
            Tags: [{ Key: SITE_TAG, Value: site }],
          }),
        );
        if (CertificateArn === undefined) throw new Error("ACM gave no ARN");
        return CertificateArn;
      }),
    alsoFor: (names, except) =>
      named("looking at the certificates in ACM", async () => {
        const others = (await all()).filter(
          (c) => c.Type === "AMAZON_ISSUED" && !except.includes(c.CertificateArn ?? ""),
        );
        const used = new Set(others.flatMap(namesOf).map(bare));
        return names.filter((name) => used.has(bare(name)));
      }),
    delete: (arn) =>
      named("deleting the certificate in ACM", async () => {
        await client
          .send(new DeleteCertificateCommand({ CertificateArn: arn }))
          .catch(ignoring("ResourceNotFoundException"));
      }),
  };
}

function requestedOf(arn: string, detail: CertificateDetail): RequestedCertificate {
  const { Status = "no status", FailureReason } = detail;
  const records = (detail.DomainValidationOptions ?? []).map(({ ResourceRecord: record }) => record);
  const known = records.flatMap((r) =>
    r?.Name === undefined || r.Value === undefined
      ? []
      : [{ name: plain(r.Name), type: "CNAME" as const, value: r.Value }],
  );
  const distinct = known.filter((r, i) => known.findIndex((other) => other.name === r.name) === i);
  return {
    arn,
    names: namesOf(detail).sort(),
    state: Status === "ISSUED" ? "issued" : Status === "PENDING_VALIDATION" ? "pending" : "unusable",
    status: [Status, FailureReason].filter(Boolean).join(": "),
    records: known.length > 0 && known.length === records.length ? distinct : undefined,
  };
}

/** A list shows up to 100 names of a certificate; no site has that many. */
const namesOf = (
  c: Pick<CertificateDetail, "DomainName" | "SubjectAlternativeNames"> &
    Pick<CertificateSummary, "SubjectAlternativeNameSummaries">,
): string[] => [
  ...new Set(
    [c.DomainName ?? "", ...(c.SubjectAlternativeNames ?? c.SubjectAlternativeNameSummaries ?? [])].map((n) =>
      n.toLowerCase(),
    ),
  ),
];

/** One record proves both a name and its wildcard. */
const bare = (name: string): string => name.toLowerCase().replace(/^\*\./, "");
const plain = (name: string): string => name.toLowerCase().replace(/\.$/, "");
