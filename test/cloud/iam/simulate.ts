import type * as SDK from "@aws-sdk/client-iam";
import { AwsError, ContractError, type WireServer } from "../wire/server.ts";
import type { Authorizer } from "./authorize.ts";
import { type Entities, noSuchEntity } from "./entities.ts";
import { contextOf } from "./match.ts";
import { page } from "./page.ts";

/** IAM API Reference, SimulatePrincipalPolicy. */
const ACTION = /^[a-z0-9-]+:[A-Za-z]+$/;
const ARN = /^arn:aws:[a-z0-9-]*:[a-z0-9-]*:\d*:.+$/;

/**
 * What a role's policies would say; of the account's owner, that all is allowed. A key of a condition that is not given
 * counts as absent, and is named. Not modelled: policies given along, permissions boundaries, resource policies.
 */
export function registerSimulation(
  wire: WireServer,
  { entities, authorizer, owner }: { entities: Entities; authorizer: Authorizer; owner: string },
): void {
  wire.on<SDK.SimulatePrincipalPolicyCommandInput>("iam", "SimulatePrincipalPolicy", (input) => {
    const {
      PolicySourceArn: source = "",
      ActionNames = [],
      ResourceArns = ["*"],
      ContextEntries = [],
    } = input;
    if (input.PolicyInputList !== undefined || input.ResourcePolicy !== undefined)
      throw new ContractError("iam.SimulatePrincipalPolicy: the caller's own policies alone");
    const role = [...entities.roles.values()].find((r) => r.arn === source);
    if (role === undefined && source !== owner) throw noSuchEntity(`The ${source} cannot be found.`);
    const wrong = [
      ...ActionNames.filter((name) => !ACTION.test(name)),
      ...ResourceArns.filter((arn) => arn !== "*" && !ARN.test(arn)),
    ];
    if (ActionNames.length === 0 || wrong.length > 0)
      throw new AwsError("InvalidInput", `Invalid Input: ${wrong.join(", ")}`, 400);
    const context = contextOf(
      Object.fromEntries(ContextEntries.map((e) => [e.ContextKeyName ?? "", e.ContextKeyValues ?? []])),
    );
    const results = ActionNames.flatMap((action) =>
      ResourceArns.map((resource) => ({
        EvalActionName: action,
        EvalResourceName: resource,
        EvalDecision:
          role === undefined ? "allowed" : authorizer.simulate(role, { action, resource, context }),
        MatchedStatements: [],
        MissingContextValues: [],
      })),
    );
    const { items, paging } = page(results, input);
    return { EvaluationResults: items, ...paging };
  });
}
