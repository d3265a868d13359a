import { type Call, ContractError } from "../../wire/server.ts";
import { acm } from "./acm.ts";
import { budgets } from "./budgets.ts";
import { type Check, check, type Mapping, type World } from "./check.ts";
import { ec2 } from "./ec2.ts";
import { fis } from "./fis.ts";
import { iam } from "./iam.ts";
import { freetier, servicequotas } from "./limits.ts";
import { logs } from "./logs.ts";
import { route53 } from "./route53.ts";
import { s3 } from "./s3.ts";
import { sns } from "./sns.ts";
import { ssm } from "./ssm.ts";
import { sts } from "./sts.ts";

/** By signing name. */
const MAPPINGS: Readonly<Record<string, Mapping>> = {
  ...{ acm, budgets, ec2, fis, freetier, iam, logs, route53, s3, servicequotas, sns, ssm, sts },
};

/** @throws ContractError for an operation whose permissions no one wrote down. */
export function checksOf(call: Call, world: World): readonly Check[] {
  if (call.service === "ec2" && call.operation.startsWith("Describe")) {
    return [check(`ec2:${call.operation}`, "*", { "ec2:Region": world.region })];
  }
  const mapping = MAPPINGS[call.service]?.[call.operation];
  if (mapping === undefined) {
    throw new ContractError(`no permissions are modelled for ${call.service}.${call.operation}`);
  }
  return (mapping as (input: unknown, world: World, call: Call) => readonly Check[])(call.input, world, call);
}
