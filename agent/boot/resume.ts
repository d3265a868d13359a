/**
 * From the boot to the duty in a fresh process. A boot reads, unpacks, compiles and asks a lot that is never needed
 * again, and V8 and malloc keep half of it: a new start takes 0.3 s and 4 to 8 MB less, for weeks. It is the same process
 * to systemd. Should it fail, systemd starts the agent anew, which boots: every step can be repeated.
 *
 * Not by ExecStartPre= for the boot and ExecStart= for the duty: what the first leaves running is killed before the
 * second begins (systemd.service(5)), and with it an order of a certificate under way. And as long as no boot goes well,
 * of a site without a release for example, the start job would be pending and the system count as starting.
 */
import { rm } from "node:fs/promises";
import type { Identity } from "../identity/identity.ts";
import type { PackagesMemory } from "../packages/ensure.ts";
import type { BootRecord } from "../site/boot-record.ts";
import { readIfThere, writeAtomic } from "../system/files.ts";
import type { Booted } from "./boot.ts";

/** All that a process on duty must know of a boot and cannot find on the machine. */
export interface Resume {
  identity: Identity;
  booted: Booted;
  record: BootRecord;
  packages: PackagesMemory;
}

export async function leave(file: string, resume: Resume): Promise<void> {
  await writeAtomic(file, JSON.stringify(resume), 0o600);
}

/** Once: who comes later boots. @returns undefined when nothing was left. */
export async function takeOver(file: string): Promise<Resume | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  await rm(file);
  // Written by this very agent a moment ago.
  const { identity, booted, record, packages } = JSON.parse(text) as Resume;
  return { identity, booted: { ...booted, launched: new Date(booted.launched) }, record, packages };
}
