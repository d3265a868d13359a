import { readDocument } from "../../agent/site/document.ts";
import { type MaintenanceState, maintenanceDocument } from "../../agent/site/documents/maintenance.ts";
import type { ObjectStore } from "../../agent/site/store.ts";
import { knowing, type Probe } from "./probe.ts";

/** Undefined while there is none. @throws EverspotError when the bucket cannot be read. */
export async function maintenanceOf(store: ObjectStore): Promise<MaintenanceState | undefined> {
  const { value } = await readDocument(store, maintenanceDocument);
  return value?.on === true ? value : undefined;
}

/** A probe that knows the page of maintenance. */
export const throughMaintenance = (probe: Probe, store: ObjectStore): Probe =>
  knowing(probe, async () => (await maintenanceOf(store)) !== undefined);
