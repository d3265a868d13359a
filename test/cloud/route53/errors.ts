import { AwsError } from "../wire/server.ts";

/** Several complaints are answered in one message: "[first, second]". */
export const invalidChangeBatch = (messages: readonly string[]): AwsError =>
  new AwsError("InvalidChangeBatch", `[${messages.join(", ")}]`, 400);

export const invalidInput = (message: string): AwsError => new AwsError("InvalidInput", message, 400);

export const noSuchZone = (id: string): AwsError =>
  new AwsError("NoSuchHostedZone", `No hosted zone found with ID: ${id}`, 404);

/** For `WireServer.disturb`: what Route 53 says while an earlier batch for the zone is not done. */
export const priorRequestNotComplete = (): AwsError =>
  new AwsError(
    "PriorRequestNotComplete",
    "The request was rejected because Route 53 was still processing a prior request.",
    400,
  );

/** For `WireServer.disturb`: above 10 requests a second, 50 at once. */
export const throttling = (): AwsError => new AwsError("Throttling", "Rate exceeded", 400);
