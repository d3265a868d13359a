import {
  type ACMClient,
  DescribeCertificateCommand,
  ExportCertificateCommand,
  ImportCertificateCommand,
} from "@aws-sdk/client-acm";
import type { CertificateManager, Pair } from "../ports/certificate-manager.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { SITE_TAG } from "../site/names.ts";

export function createCertificateManager(client: ACMClient, site: string): CertificateManager {
  const named = <T>(doing: string, arn: string | undefined, run: () => Promise<T>): Promise<T> =>
    run().catch((error: unknown) => {
      throw failure(doing, arn, error);
    });
  return {
    describe: (arn) =>
      named("looking at the certificate", arn, async () => {
        const { Certificate } = await client.send(new DescribeCertificateCommand({ CertificateArn: arn }));
        const { Status, Serial, FailureReason } = Certificate ?? {};
        if (Status !== "ISSUED" || Serial === undefined) {
          return { waiting: [Status ?? "no status", FailureReason].filter(Boolean).join(": ") };
        }
        return { serial: Serial.replaceAll(":", "").toLowerCase() };
      }),
    export: (arn, passphrase) =>
      named("exporting the certificate", arn, async () => {
        const exported = await client.send(
          new ExportCertificateCommand({ CertificateArn: arn, Passphrase: Buffer.from(passphrase) }),
        );
        const { Certificate = "", CertificateChain = "", PrivateKey = "" } = exported;
        return { encryptedKey: PrivateKey, chain: `${Certificate.trimEnd()}\n${CertificateChain}` };
      }),
    import: (pair, arn) =>
      named("importing the certificate", arn, async () => {
        if (arn === undefined) return { arn: await importNew(client, site, pair) };
        try {
          await client.send(new ImportCertificateCommand({ ...parts(pair), CertificateArn: arn }));
          return { arn };
        } catch (error) {
          // A reimport must keep an ARN's key type and key usages (user guide, "Reimport a certificate").
          if (!(error instanceof Error) || !/^(ResourceNotFound|Validation)Exception$/.test(error.name))
            throw error;
          return { arn: await importNew(client, site, pair), why: messageOf(error) };
        }
      }),
  };
}

/** ACM takes tags at the first import only. */
async function importNew(client: ACMClient, site: string, pair: Pair): Promise<string> {
  const command = new ImportCertificateCommand({ ...parts(pair), Tags: [{ Key: SITE_TAG, Value: site }] });
  const { CertificateArn } = await client.send(command);
  if (CertificateArn === undefined) throw new Error("ACM gave no ARN");
  return CertificateArn;
}

/** The leaf on its own, the rest as its chain. */
function parts(pair: Pair): { Certificate: Buffer; CertificateChain: Buffer; PrivateKey: Buffer } {
  const end = "-----END CERTIFICATE-----";
  const cut = pair.chain.indexOf(end) + end.length;
  return {
    Certificate: Buffer.from(`${pair.chain.slice(0, cut)}\n`),
    CertificateChain: Buffer.from(pair.chain.slice(cut).trimStart()),
    PrivateKey: Buffer.from(pair.key),
  };
}

function failure(doing: string, arn: string | undefined, error: unknown): EverspotError {
  if (error instanceof EverspotError) return error;
  const name = error instanceof Error ? error.name : "";
  const fatal = /AccessDenied|ResourceNotFound|Validation|InvalidArn|InvalidState/.test(name);
  return new EverspotError(`ACM: ${doing}: ${messageOf(error)}`, {
    resource: arn,
    hint: /AccessDenied/.test(name) ? "run `everspot up`, which corrects the instance's role" : undefined,
    retry: fatal ? "fatal" : "retry",
    cause: error,
  });
}
