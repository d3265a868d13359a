/**
 * The part of Service Quotas' model (2019-06-24) that the local one answers, in the form of the SDK's clients.
 * Members: Service Quotas API Reference, GetServiceQuota.
 */
const ns = "com.amazonaws.servicequotas";
const text = 0;
const structure = (name: string, members: Record<string, unknown>, required = 0) => [
  ...[3, ns, name, 0],
  ...[Object.keys(members), Object.values(members), required],
];

const quota = structure("ServiceQuota", {
  ...{ ServiceCode: text, QuotaCode: text, QuotaName: text, Value: 1, Adjustable: 2 },
});

export const GetServiceQuota$ = [
  ...[9, ns, "GetServiceQuota", 0],
  () => structure("GetServiceQuotaRequest", { ServiceCode: text, QuotaCode: text }, 2),
  () => structure("GetServiceQuotaResponse", { Quota: quota }),
];

export class ServiceQuotasClient {
  readonly config = {
    protocol: { getShapeId: () => "aws.protocols#awsJson1_1" },
    protocolSettings: { serviceTarget: "ServiceQuotasV20190624" },
  };
}
