/**
 * The part of the Free Tier API's model (2023-09-07) that the local one answers, in the form of the SDK's clients.
 * Members: AWS Free Tier API Reference, GetAccountPlanState.
 */
const ns = "com.amazonaws.freetier";
const text = 0;
const structure = (name: string, members: Record<string, unknown>) => [
  ...[3, ns, name, 0],
  ...[Object.keys(members), Object.values(members), 0],
];

export const GetAccountPlanState$ = [
  ...[9, ns, "GetAccountPlanState", 0],
  () => structure("GetAccountPlanStateRequest", {}),
  () =>
    structure("GetAccountPlanStateResponse", {
      ...{ accountId: text, accountPlanType: text, accountPlanStatus: text },
    }),
];

export class FreeTierClient {
  readonly config = {
    protocol: { getShapeId: () => "aws.protocols#awsJson1_0" },
    protocolSettings: { serviceTarget: "AWSFreeTierService" },
  };
}
