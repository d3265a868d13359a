import { randomBytes } from "node:crypto";
import type { ServerSideEncryptionRule } from "@aws-sdk/client-s3";
import { AwsError, ContractError } from "../wire/errors.ts";
import type { Call } from "../wire/server.ts";
import type { Bucket } from "./bucket.ts";
import { md5 } from "./checksums.ts";
import type { S3Context } from "./context.ts";
import type { Encryption } from "./stored.ts";

/** The members that ask for one. */
export const ENCRYPTION = ["ServerSideEncryption", "SSEKMSKeyId"];

interface Asked {
  ServerSideEncryption?: string | undefined;
  SSEKMSKeyId?: string | undefined;
}

/**
 * What the request asks for, else the bucket's default.
 * @throws AwsError when the caller may not use the KMS key.
 */
export function encryptionOf(context: S3Context, call: Call, bucket: Bucket, input: Asked): Encryption {
  const { ServerSideEncryption, SSEKMSKeyId } =
    input.ServerSideEncryption === undefined ? bucketDefault(bucket) : input;
  if (ServerSideEncryption === "AES256") return { ServerSideEncryption };
  if (ServerSideEncryption !== "aws:kms" || SSEKMSKeyId === undefined || !KEY_ARN.test(SSEKMSKeyId)) {
    throw new ContractError(`s3: encryption ${ServerSideEncryption} with key ${SSEKMSKeyId} is not modelled`);
  }
  assertMayUse(context, call, "kms:GenerateDataKey", SSEKMSKeyId);
  return { ServerSideEncryption, SSEKMSKeyId };
}

const KEY_ARN = /^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/;

function bucketDefault(bucket: Bucket): Asked {
  const set = bucket.settings.get("Encryption") as
    | { ServerSideEncryptionConfiguration: { Rules: ServerSideEncryptionRule[] } }
    | undefined;
  const rule = set?.ServerSideEncryptionConfiguration.Rules[0]?.ApplyServerSideEncryptionByDefault;
  return rule === undefined
    ? { ServerSideEncryption: "AES256" }
    : { ServerSideEncryption: rule.SSEAlgorithm, SSEKMSKeyId: rule.KMSMasterKeyID };
}

/** Reading an object asks for its key as well. */
export function assertMayDecrypt(context: S3Context, call: Call, { SSEKMSKeyId }: Encryption): void {
  if (SSEKMSKeyId !== undefined) assertMayUse(context, call, "kms:Decrypt", SSEKMSKeyId);
}

function assertMayUse(context: S3Context, call: Call, action: string, key: string): void {
  if (context.may(call, action, key)) return;
  throw new AwsError("AccessDenied", `Not authorized to perform: ${action} on resource: ${key}`, 403);
}

/** The MD5 of the body, unless KMS encrypts it: then it tells nothing of the content. */
export const etagOf = (body: Uint8Array, encryption: Encryption): string =>
  `"${(encryption.SSEKMSKeyId === undefined ? md5(body) : randomBytes(16)).toString("hex")}"`;
