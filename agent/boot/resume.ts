/**
 * From the boot to the duty in a fresh process. A boot reads, unpacks, compiles and asks for much that is never needed
 * again, and V8 and malloc keep half of it: starting afresh takes 0.3 s and saves 4 to 8 MB for weeks. To systemd it is
 * the same process. Should it fail, systemd restarts the agent, which boots: every step can be repeated.
 *
 * ExecStartPre= for the boot and ExecStart= for the duty would not do: what the first leaves running is killed before
 * the second begins (systemd.service(5)), and with it a certificate order under way. And as long as no boot succeeds,
 * as on a site without a release, the start job would be pending and the system would count as starting.
 */
import { rm } from "node:fs/promises";
import type { Identity } from "../identity/identity.ts";
import type { PackagesMemory } from "../packages/ensure.ts";
import type { BootRecord } from "../site/boot-record.ts";
import { readIfThere, writeAtomic } from "../system/files.ts";
import type { Booted } from "./boot.ts";

/** All that a process on duty must know of the boot and cannot find on the machine. */
export interface Resume {
  identity: Identity;
  booted: Booted;
  record: BootRecord;
  packages: PackagesMemory;
}

export async function leave(file: string, resume: Resume): Promise<void> {
  await writeAtomic(file, JSON.stringify(resume), 0o600);
}

/** Works once: a process that comes later boots. @returns undefined when nothing was left. */
export async function takeOver(file: string): Promise<Resume | undefined> {
  const text = await readIfThere(file);
  if (text === undefined) return undefined;
  await rm(file);
  // This agent itself wrote it a moment ago.
  const { identity, booted, record, packages } = JSON.parse(text) as Resume;
  return { identity, booted: { ...booted, launched: new Date(booted.launched) }, record, packages };
}
