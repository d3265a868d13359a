import { AwsError } from "../wire/server.ts";

export const validation = (message: string): AwsError => new AwsError("ValidationException", message, 400);
export const notFound = (arn: string): AwsError =>
  new AwsError("ResourceNotFoundException", `Could not find certificate ${arn}.`, 400);
export const inProgress = (arn: string): AwsError =>
  new AwsError("RequestInProgressException", `Certificate ${arn} is in progress and not yet issued.`, 400);
