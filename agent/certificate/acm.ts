/** An exportable public certificate from AWS Certificate Manager (DESIGN §10). */
import { createPrivateKey, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CertificateManager } from "../ports/certificate-manager.ts";
import { certificateNames } from "../site/certificate-names.ts";
import { EverspotError } from "../site/errors.ts";
import type { CertificateContext, ServedCertificate } from "./context.ts";
import { install, installedPaths, readInstalled } from "./installed.ts";
import { verify } from "./verify.ts";

/** Renewals come weeks before the end (ACM renews about 45 days before). */
const CHECK_EVERY = 24 * 3600_000;

/** Exports and installs the configured certificate. @throws EverspotError */
export async function acmCertificate(context: CertificateContext): Promise<ServedCertificate> {
  const { manager, arn } = configured(context);
  const state = await manager.describe(arn);
  if ("waiting" in state) {
    throw new EverspotError(`the ACM certificate is not issued yet (${state.waiting})`, {
      resource: arn,
      hint: "its validation records must exist in the zone; `everspot up` writes them",
      retry: "retry",
    });
  }
  // Hex has no character that ACM refuses. Used once, kept nowhere.
  const passphrase = randomBytes(32).toString("hex");
  const exported = await manager.export(arn, passphrase);
  const key = createPrivateKey({ key: exported.encryptedKey, passphrase })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
  const verdict = verify(
    key,
    exported.chain,
    certificateNames(context.config),
    new Date(context.clock.now()),
  );
  if ("problem" in verdict) {
    throw new EverspotError(`the ACM certificate cannot be served: ${verdict.problem}`, { resource: arn });
  }
  const changed = await install(context.folder, { key, chain: exported.chain });
  await noteCheck(context);
  return { ...installedPaths(context.folder), ...verdict.facts, source: "acm", changed, warnings: [] };
}

/** Checks once a day, or at every call while nothing usable is installed, whether ACM has another certificate. */
export async function acmRenewal(context: CertificateContext): Promise<ServedCertificate | undefined> {
  const names = certificateNames(context.config);
  const now = new Date(context.clock.now());
  const pair = await readInstalled(context.folder);
  const installed = pair && verify(pair.key, pair.chain, names, now);
  const good = installed && "facts" in installed ? installed.facts : undefined;
  if (good !== undefined && now.getTime() - (await lastCheck(context)) < CHECK_EVERY) return undefined;
  const { manager, arn } = configured(context);
  const state = await manager.describe(arn);
  if ("waiting" in state || sameSerial(state.serial, good?.serial)) {
    if (good !== undefined) await noteCheck(context);
    return undefined;
  }
  return acmCertificate(context);
}

/** Leading zeros do not count. */
const sameSerial = (a: string, b: string | undefined): boolean =>
  b !== undefined && a.replace(/^0+/, "") === b.replace(/^0+/, "");

const checkFile = (context: CertificateContext): string => join(context.folder, "acm-checked");

const noteCheck = (context: CertificateContext): Promise<void> =>
  writeFile(checkFile(context), String(context.clock.now()), { mode: 0o600 });

const lastCheck = async (context: CertificateContext): Promise<number> =>
  Number(await readFile(checkFile(context), "utf8").catch(() => "0"));

function configured(context: CertificateContext): { manager: CertificateManager; arn: string } {
  const { arn } = context.config.certificate;
  if (arn !== undefined && context.acm !== undefined) return { manager: context.acm, arn };
  throw new EverspotError("no ACM certificate is configured", {
    hint: "run `everspot up` again; it requests one",
  });
}
