/** Which of the stored certificates to serve (DESIGN §10): the newest that can be proved usable. */

import { certificateNames, sameNames } from "../site/certificate-names.ts";
import {
  type CertificatePointer,
  type Issuance,
  pointerDocument,
  type StoredCertificate,
} from "../site/certificates.ts";
import { readDocument } from "../site/document.ts";
import { EverspotError, messageOf } from "../site/errors.ts";
import { certificateSet, keys } from "../site/names.ts";
import type { CertificateContext } from "./context.ts";
import { adopt, openStored, type Unnoted } from "./stored.ts";
import type { CertificateFacts } from "./verify.ts";

export interface Chosen {
  certificate: StoredCertificate;
  facts: CertificateFacts;
  line: Issuance;
  /** Whether it is the newest for exactly the configured names from a configured directory. */
  newest: boolean;
}

export interface Choice {
  best: Chosen | undefined;
  pointer: CertificatePointer | undefined;
  /** The bucket's time, where it gave one. */
  now: Date;
  warnings: string[];
}

/** Never throws over the bucket's contents, or over a bucket that cannot be reached: both become warnings. */
export async function choose(context: CertificateContext): Promise<Choice> {
  const names = certificateNames(context.config);
  const warnings: string[] = [];
  let { pointer, now } = await look(context, names, warnings);
  let best = await firstUsable(context, pointer, names, now, warnings);
  if (best === undefined || !best.newest) {
    const found = await adoptStored(context, names, pointer, now);
    const again = await look(context, names, warnings);
    if (again.pointer?.nonce !== pointer?.nonce) {
      ({ pointer, now } = again);
      best = await firstUsable(context, pointer, names, now, warnings);
    }
    const unnoted = found.usable[0];
    if (best === undefined && unnoted !== undefined) best = { ...unnoted, newest: true };
    warnings.push(...found.problems);
  }
  best ??= await fromOtherNames(context, names, now, warnings);
  return { best, pointer, now, warnings: [...new Set(warnings)] };
}

async function look(
  context: CertificateContext,
  names: readonly string[],
  warnings: string[],
): Promise<{ pointer: CertificatePointer | undefined; now: Date }> {
  try {
    const read = await readDocument(context.store, pointerDocument(names));
    return { pointer: read.value, now: read.date ?? new Date(context.clock.now()) };
  } catch (error) {
    warnings.push(messageOf(error));
    return { pointer: undefined, now: new Date(context.clock.now()) };
  }
}

async function adoptStored(
  context: CertificateContext,
  names: readonly string[],
  pointer: CertificatePointer | undefined,
  now: Date,
): Promise<Unnoted> {
  try {
    return await adopt(context.store, context.clock, names, pointer, now);
  } catch (error) {
    return { problems: [messageOf(error)], usable: [] };
  }
}

/** Certificates from a directory that is no longer configured are used when there is nothing better. */
async function firstUsable(
  context: CertificateContext,
  pointer: CertificatePointer | undefined,
  wanted: readonly string[],
  now: Date,
  warnings: string[],
): Promise<Chosen | undefined> {
  if (pointer === undefined) return undefined;
  const lines = pointer.issuances;
  const current = (line: Issuance): boolean =>
    directories(context).includes(line.directory) &&
    sameNames(pointer.names, certificateNames(context.config));
  const ranked = [...lines.filter(current), ...lines.filter((line) => !current(line))];
  for (const [rank, line] of ranked.entries()) {
    const key = keys.certificate(pointer.names, line.id);
    const opened = await openStored(context.store, key, wanted, now, line.sha256).catch((error: unknown) => ({
      problem: messageOf(error),
    }));
    if ("problem" in opened) {
      // Every certificate expires; only the newest one's expiry is worth a warning.
      if (rank === 0 || Date.parse(line.notAfter) > now.getTime()) {
        warnings.push(`certificate ${line.id} is not served: ${opened.problem}`);
      }
    } else {
      return { ...opened, line, newest: rank === 0 && current(line) };
    }
  }
  return undefined;
}

/** After a change of the configured names: what was served before, as long as it still covers the domain itself. */
async function fromOtherNames(
  context: CertificateContext,
  names: readonly string[],
  now: Date,
  warnings: string[],
): Promise<Chosen | undefined> {
  const own = certificateSet(names);
  let best: Chosen | undefined;
  try {
    for (const other of await otherPointers(context, own)) {
      const found = await firstUsable(context, other, [context.config.domain], now, warnings);
      if (found && (best === undefined || found.line.notAfter > best.line.notAfter)) best = found;
    }
  } catch (error) {
    warnings.push(messageOf(error));
  }
  return best;
}

/** Pointers for other sets of names; unreadable ones are left out. @throws EverspotError */
export async function otherPointers(context: CertificateContext, own: string): Promise<CertificatePointer[]> {
  const found: CertificatePointer[] = [];
  for (const { key } of await context.store.list(keys.certificatesPrefix)) {
    const set = /^certificates\/([^/]+)\/current\.json$/.exec(key)?.[1];
    if (set === undefined || set === own) continue;
    const names = set.split("+").map((name) => name.replace(/^_(?=\.)/, "*"));
    const read = await readDocument(context.store, pointerDocument(names)).catch((error: unknown) => {
      if (error instanceof EverspotError) return undefined;
      throw error;
    });
    if (read?.value !== undefined) found.push(read.value);
  }
  return found;
}

/** ACME directories whose certificates are as good as new, the preferred one first. */
export function directories(context: CertificateContext): string[] {
  const { directory, fallbackDirectory } = context.config.certificate;
  return [directory, ...(fallbackDirectory === undefined ? [] : [fallbackDirectory])];
}
