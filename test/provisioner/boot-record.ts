import { S3Client } from "@aws-sdk/client-s3";
import type { BootRecord } from "../../agent/site/boot-record.ts";
import { keys } from "../../agent/site/names.ts";
import { createS3Store } from "../../agent/site/s3-store.ts";

/** Writes what an instance of the site "blog" says of its boot. */
export async function report(instance: string, more: Partial<BootRecord>): Promise<void> {
  const client = new S3Client({ region: "us-east-1" });
  const record: BootRecord = {
    version: 2,
    site: "blog",
    instance,
    bootId: "b",
    attempt: 1,
    started: "2026-11-21T12:00:00.000Z",
    updated: "2026-11-21T12:00:01.000Z",
    state: "booting",
    agent: "a",
    steps: [],
    warnings: [],
    ...more,
  };
  await createS3Store(client, "everspot-blog-123456789012-us-east-1").put(
    keys.boot(instance),
    JSON.stringify(record),
  );
  client.destroy();
}
