import { AwsError } from "../wire/server.ts";

export const invalid = (message: string): AwsError => new AwsError("InvalidParameterException", message);

export const noGroup = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log group does not exist.");

export const noStream = (): AwsError =>
  new AwsError("ResourceNotFoundException", "The specified log stream does not exist.");

export const there = (what: "group" | "stream"): AwsError =>
  new AwsError("ResourceAlreadyExistsException", `The specified log ${what} already exists`);
