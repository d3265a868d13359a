import { AwsError } from "../wire/errors.ts";

/** Raw, before base64. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html */
const MAX_USER_DATA = 16_384;

/** @throws AwsError InvalidUserData.Malformed for what is no base64 or too long. */
export function decodeUserData(base64: string): Uint8Array {
  const bytes = Buffer.from(base64, "base64");
  const same = bytes.toString("base64").replace(/=+$/, "") === base64.replace(/\s/g, "").replace(/=+$/, "");
  if (!same) throw new AwsError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.");
  if (bytes.length > MAX_USER_DATA) {
    throw new AwsError("InvalidUserData.Malformed", `User data is limited to ${MAX_USER_DATA} bytes.`);
  }
  return new Uint8Array(bytes);
}
