import type * as STS from "@aws-sdk/client-sts";
import { check, type Mapping } from "./check.ts";

/** AssumeRole's own answer weighs these against the role's trust policy; here is only the caller's side. */
export const sts: Mapping = {
  GetCallerIdentity: () => [],
  GetSessionToken: () => [],
  AssumeRole: () => [],
  DecodeAuthorizationMessage: () => [check("sts:DecodeAuthorizationMessage", "*")],
  GetAccessKeyInfo: (_: STS.GetAccessKeyInfoCommandInput) => [check("sts:GetAccessKeyInfo", "*")],
};
