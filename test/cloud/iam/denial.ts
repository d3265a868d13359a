import { AwsError, type Call } from "../wire/server.ts";
import type { Check } from "./requests/check.ts";

/** Why a permission is missing: no one gives it, or someone denies it. */
export type Denial = { by: "nobody" } | { by: "deny"; where: "identity" | "resource" | "session" };

const JSON_SERVICES = ["ssm", "acm", "budgets"];
const isJson = (service: string): boolean => JSON_SERVICES.includes(service);

/** Refusals in the words of each service (IAM user guide, "Troubleshoot access denied error messages"). */
export function accessDenied(
  call: Pick<Call, "service">,
  user: string,
  check: Check,
  denial: Denial,
): AwsError {
  const { action, resource } = check;
  const what = call.service === "s3" ? `"${resource}"` : resource;
  const because =
    denial.by === "nobody"
      ? `because no identity-based policy allows the ${action} action`
      : `with an explicit deny in ${denial.where === "resource" ? "a resource" : denial.where === "session" ? "a session policy" : "an identity"}${denial.where === "session" ? "" : "-based policy"}`;
  const message = `User: ${user} is not authorized to perform: ${action} on resource: ${what} ${because}`;
  if (call.service === "ec2") {
    const opaque = Buffer.from(JSON.stringify({ user, action, resource })).toString("base64url");
    return new AwsError(
      "UnauthorizedOperation",
      `You are not authorized to perform this operation. ${message}. Encoded authorization failure message: ${opaque}`,
      403,
    );
  }
  return isJson(call.service)
    ? new AwsError("AccessDeniedException", message, 400)
    : new AwsError("AccessDenied", message, 403);
}

/** Credentials that are over. */
export function expired(service: string): AwsError {
  if (service === "s3") return new AwsError("ExpiredToken", "The provided token has expired.", 400);
  if (service === "ec2") return new AwsError("RequestExpired", "Request has expired.", 400);
  const message = "The security token included in the request is expired";
  return isJson(service)
    ? new AwsError("ExpiredTokenException", message, 400)
    : new AwsError("ExpiredToken", message, 403);
}

/** No such key, or a session token that is not the key's. */
export function unknownCredentials(service: string): AwsError {
  if (service === "s3") {
    return new AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.", 400);
  }
  if (service === "ec2") {
    return new AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
  }
  const message = "The security token included in the request is invalid.";
  return isJson(service)
    ? new AwsError("UnrecognizedClientException", message, 400)
    : new AwsError("InvalidClientTokenId", message, 403);
}

export function unsigned(service: string): AwsError {
  if (service === "s3") return new AwsError("AccessDenied", "Access Denied", 403);
  return isJson(service)
    ? new AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 400)
    : new AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403);
}
