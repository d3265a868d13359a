/** Certificates in the bucket: checked when read, written once, named by the pointer (DESIGN §10). */
import { createHash } from "node:crypto";
import { renewalTime } from "../site/certificate-due.ts";
import {
  addIssuance,
  type CertificatePointer,
  ISSUANCES_KEPT,
  type Issuance,
  pointerDocument,
  type StoredCertificate,
  storedCertificate,
} from "../site/certificates.ts";
import type { Clock } from "../site/clock.ts";
import { updateDocument } from "../site/document.ts";
import { messageOf } from "../site/errors.ts";
import { keys } from "../site/names.ts";
import { parsePlainJson } from "../site/read-json.ts";
import { ConditionFailed, type ObjectStore } from "../site/store.ts";
import type { Issued } from "./authority.ts";
import { type CertificateFacts, verify } from "./verify.ts";

export type Opened =
  | { certificate: StoredCertificate; facts: CertificateFacts; sha256: string }
  | { problem: string };

/**
 * Reads one stored certificate and checks that it is usable: known form and version, right key, names, dates and chain.
 * @param wanted names it must serve. @param now undefined to leave the dates unchecked.
 * @param sha256 of the object, if known.
 * @throws EverspotError when the bucket cannot be read.
 */
export async function openStored(
  store: ObjectStore,
  key: string,
  wanted: readonly string[],
  now: Date | undefined,
  sha256?: string,
): Promise<Opened> {
  const found = await store.get(key);
  if (found === undefined) return { problem: "it is not in the bucket" };
  const digest = createHash("sha256").update(found.body).digest("hex");
  let json: unknown;
  try {
    json = parsePlainJson(found.body);
  } catch {
    return { problem: `it is truncated, or everspot did not write it (${found.body.length} bytes)` };
  }
  const version = (json as { version?: unknown } | null)?.version;
  if (version !== 1) {
    return {
      problem: `a newer everspot wrote it: it has version ${String(version)}, and this one knows version 1`,
    };
  }
  const parsed = storedCertificate.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return { problem: `it is damaged: ${issue?.path.join(".")}: ${issue?.message}` };
  }
  const verdict = verify(parsed.data.key, parsed.data.chain, wanted, now);
  if ("problem" in verdict) return verdict;
  if (sha256 !== undefined && digest !== sha256) return { problem: "it was changed after it was stored" };
  return { certificate: parsed.data, facts: verdict.facts, sha256: digest };
}

export interface Origin {
  names: readonly string[];
  by: string;
  /** The bucket's time. */
  now: Date;
  /** Encrypts the object; the bucket's own key when undefined. */
  kmsKey?: string | undefined;
}

/**
 * Writes the object, then the pointer. Both can be repeated; after a kill in between, `adopt` finishes the work.
 * @returns the line that is now in the pointer.
 */
export async function saveIssued(
  store: ObjectStore,
  clock: Clock,
  issued: Issued,
  facts: CertificateFacts,
  origin: Origin,
): Promise<Issuance> {
  const created = origin.now.toISOString();
  const id = `${created.replace(/[-:]|\.\d+/g, "")}-${facts.serial.slice(0, 12)}`;
  const certificate: StoredCertificate = {
    version: 1,
    id,
    serial: facts.serial,
    issuer: facts.issuer,
    names: facts.names,
    notBefore: facts.notBefore.toISOString(),
    notAfter: facts.notAfter.toISOString(),
    directory: issued.directory,
    created,
    by: origin.by,
    key: issued.key,
    chain: issued.chain,
    lineage: issued.lineage,
  };
  const body = JSON.stringify(certificate, null, 1);
  try {
    await store.put(keys.certificate(origin.names, id), body, { ifNoneMatch: "*" }, origin.kmsKey);
  } catch (error) {
    // The id holds time and serial number: an existing object is our own write, whose answer was lost.
    if (!(error instanceof ConditionFailed)) throw error;
  }
  const line = lineOf(certificate, createHash("sha256").update(body).digest("hex"));
  await addToPointer(store, clock, origin.names, line);
  return line;
}

/** The line of a pointer for a stored certificate; the time of its renewal is drawn here, once. */
export function lineOf(certificate: StoredCertificate, sha256: string): Issuance {
  const { key: _key, chain: _chain, lineage: _lineage, version: _version, ...facts } = certificate;
  const validity = { notBefore: new Date(facts.notBefore), notAfter: new Date(facts.notAfter) };
  return { ...facts, sha256, renewAt: renewalTime(validity, Math.random()).toISOString() };
}

async function addToPointer(
  store: ObjectStore,
  clock: Clock,
  names: readonly string[],
  line: Issuance,
): Promise<void> {
  await updateDocument(store, pointerDocument(names), (current) => addIssuance(current, names, line), clock);
}

export interface Unnoted {
  /** A sentence for each that cannot be used or noted. */
  problems: string[];
  /** Usable ones that the pointer lacks because it cannot be written. Newest first. */
  usable: (Extract<Opened, { sha256: string }> & { line: Issuance })[];
}

/**
 * Adds to the pointer certificates that were stored but never made it there.
 * @throws EverspotError when the bucket cannot be read.
 */
export async function adopt(
  store: ObjectStore,
  clock: Clock,
  names: readonly string[],
  pointer: CertificatePointer | undefined,
  now: Date,
): Promise<Unnoted> {
  const known = new Set(pointer?.issuances.map((i) => i.id));
  const oldestKept = pointer?.issuances.length === ISSUANCES_KEPT ? (pointer.issuances.at(-1)?.id ?? "") : "";
  const result: Unnoted = { problems: [], usable: [] };
  for (const object of await store.list(keys.certificatePrefix(names))) {
    const id = object.key.slice(keys.certificatePrefix(names).length);
    if (known.has(id) || id < oldestKept) continue;
    const opened = await openStored(store, object.key, names, now);
    if ("problem" in opened) {
      result.problems.push(`certificate ${id} is not served: ${opened.problem}`);
      continue;
    }
    const line = lineOf(opened.certificate, opened.sha256);
    try {
      await addToPointer(store, clock, names, line);
    } catch (error) {
      result.problems.push(`certificate ${id} could not be noted: ${messageOf(error)}`);
      result.usable.unshift({ ...opened, line });
    }
  }
  return result;
}
