/** A record set of one name and type. TXT values are the plain text, without DNS quoting. TTL in seconds. */
export interface RecordSet {
  name: string;
  type: "A" | "TXT";
  ttl: number;
  values: string[];
}

/** DELETE must match the stored record set exactly; CREATE fails where one exists (Route 53, ChangeResourceRecordSets). */
export interface Change {
  action: "CREATE" | "DELETE" | "UPSERT";
  record: RecordSet;
}

/**
 * One hosted zone.
 *
 * A batch of changes is applied whole or not at all. `ChangeRejected` says that it did not apply because the
 * zone is not as the batch assumed; after a lost reply that can be our own batch, already applied.
 */
export interface Zone {
  find(name: string, type: RecordSet["type"]): Promise<RecordSet | undefined>;
  /** @returns the id to ask `settled` about. @throws ChangeRejected, EverspotError */
  change(changes: readonly Change[]): Promise<string>;
  /** Whether every authoritative server answers with the change (INSYNC; usually within 60 s). */
  settled(changeId: string): Promise<boolean>;
}

export class ChangeRejected extends Error {
  override readonly name = "ChangeRejected";
}
