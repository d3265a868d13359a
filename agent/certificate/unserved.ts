/** A certificate that is installed but not served, because the agent died in between. */
import { messageOf } from "../site/errors.ts";
import type { CertificateContext, ServedCertificate } from "./context.ts";
import { installedPaths, readInstalled } from "./installed.ts";
import { SELF_SIGNED_ISSUER } from "./self-signed.ts";
import { factsOf, parseChain } from "./verify.ts";

/**
 * @param servedSerial serial number that this machine's nginx shows, lower-case hex; rejects when it shows none.
 * @returns what is installed, when nginx shows another; undefined when all is well or nothing is known.
 */
export async function unserved(
  context: Pick<CertificateContext, "folder" | "logger">,
  servedSerial: () => Promise<string>,
): Promise<ServedCertificate | undefined> {
  const pair = await readInstalled(context.folder);
  const leaf = pair && parseChain(pair.chain)[0];
  if (leaf === undefined) return undefined;
  const facts = factsOf(leaf);
  const seen = await servedSerial().catch((error: unknown) => {
    context.logger.warn(`cannot tell what nginx serves: ${messageOf(error)}`);
    return facts.serial;
  });
  if (seen === facts.serial) return undefined;
  const source = facts.issuer === SELF_SIGNED_ISSUER ? "self-signed" : "stored";
  return { ...installedPaths(context.folder), ...facts, source, changed: true, warnings: [] };
}
