import type {
  CopyObjectCommandInput,
  DeleteObjectCommandInput,
  DeleteObjectsCommandInput,
  GetObjectCommandInput,
  HeadObjectCommandInput,
  PutObjectCommandInput,
} from "@aws-sdk/client-s3";
import type { WireServer } from "../wire/server.ts";
import type { S3Context } from "./context.ts";
import { deleteObject, deleteObjects } from "./delete-object.ts";
import { getObject, headObject } from "./get-object.ts";
import { copyObject, putObject } from "./put-object.ts";

/** PutObject, GetObject, HeadObject, CopyObject, DeleteObject, DeleteObjects. */
export function serveObjects(server: WireServer, context: S3Context): void {
  server.on("s3", "PutObject", (input: PutObjectCommandInput, call) => putObject(context, input, call));
  server.on("s3", "GetObject", (input: GetObjectCommandInput, call) => getObject(context, input, call));
  server.on("s3", "HeadObject", (input: HeadObjectCommandInput, call) => headObject(context, input, call));
  server.on("s3", "CopyObject", (input: CopyObjectCommandInput, call) => copyObject(context, input, call));
  server.on("s3", "DeleteObject", (input: DeleteObjectCommandInput, call) =>
    deleteObject(context, input, call),
  );
  server.on("s3", "DeleteObjects", (input: DeleteObjectsCommandInput, call) =>
    deleteObjects(context, input, call),
  );
}
