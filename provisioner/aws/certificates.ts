import {
  type ACMClient,
  DeleteCertificateCommand,
  type KeyAlgorithm,
  ListTagsForCertificateCommand,
  paginateListCertificates,
} from "@aws-sdk/client-acm";
import { SITE_TAG } from "../../agent/site/names.ts";
import { hasCode, named } from "./errors.ts";
import { gather } from "./network-look.ts";
import { tagOf } from "./tags.ts";

/** Copies of the site's certificate in ACM. */
export interface Certificates {
  /** ARNs of those that carry the site's tag. */
  look(): Promise<string[]>;
  /** What is gone already is no error; one that CloudFront or a balancer uses is. */
  delete(arn: string): Promise<void>;
}

/** Without them ListCertificates shows RSA keys of 1024 and 2048 bits alone (ACM API Reference). */
const KEY_TYPES: KeyAlgorithm[] = [
  "RSA_1024",
  "RSA_2048",
  "RSA_3072",
  "RSA_4096",
  "EC_prime256v1",
  "EC_secp384r1",
  "EC_secp521r1",
];

export function createCertificates(client: ACMClient, site: string): Certificates {
  return {
    look: () =>
      named("looking at the certificates in ACM", async () => {
        const every = { Includes: { keyTypes: KEY_TYPES } };
        const all = await gather(
          paginateListCertificates({ client }, every),
          (p) => p.CertificateSummaryList,
        );
        const imported = all.filter((c) => c.Type === "IMPORTED").map((c) => c.CertificateArn ?? "");
        const owners = await Promise.all(
          imported.map(async (arn) => {
            const { Tags } = await client.send(new ListTagsForCertificateCommand({ CertificateArn: arn }));
            return { arn, site: tagOf(Tags, SITE_TAG) };
          }),
        );
        return owners.filter((c) => c.site === site).map((c) => c.arn);
      }),
    delete: (arn) =>
      named("deleting the certificate in ACM", async () => {
        await client.send(new DeleteCertificateCommand({ CertificateArn: arn })).catch((error: unknown) => {
          if (!hasCode(error, "ResourceNotFoundException")) throw error;
        });
      }),
  };
}
