import type * as ACM from "@aws-sdk/client-acm";
import { type Check, check, type Mapping, requestTags, resourceTags, type World } from "./check.ts";

const on =
  (action: string) =>
  (input: { CertificateArn?: string | undefined; Tags?: ACM.Tag[] | undefined }, world: World): Check[] => {
    const arn = input.CertificateArn ?? `arn:aws:acm:${world.region}:${world.account}:certificate/*`;
    const known = input.CertificateArn === undefined ? {} : resourceTags(world, arn);
    return [check(action, arn, { ...known, ...requestTags(input.Tags) })];
  };

/** Tags given on creation need the permission to tag too. */
const tagged =
  (mapping: ReturnType<typeof on>): ReturnType<typeof on> =>
  (input, world) => [
    ...mapping(input, world),
    ...((input.Tags ?? []).length === 0 ? [] : on("acm:AddTagsToCertificate")(input, world)),
  ];

export const acm: Mapping = {
  ImportCertificate: tagged(on("acm:ImportCertificate")),
  RequestCertificate: (input: ACM.RequestCertificateCommandInput, world) =>
    tagged(on("acm:RequestCertificate"))({ Tags: input.Tags }, world).map((c) => ({
      ...c,
      context: {
        ...c.context,
        "acm:DomainNames": [input.DomainName ?? "", ...(input.SubjectAlternativeNames ?? [])],
        "acm:ValidationMethod": input.ValidationMethod,
        "acm:KeyAlgorithm": input.KeyAlgorithm,
        "acm:Export": input.Options?.Export,
      },
    })),
  DescribeCertificate: on("acm:DescribeCertificate"),
  GetCertificate: on("acm:GetCertificate"),
  ExportCertificate: on("acm:ExportCertificate"),
  DeleteCertificate: on("acm:DeleteCertificate"),
  RenewCertificate: on("acm:RenewCertificate"),
  UpdateCertificateOptions: on("acm:UpdateCertificateOptions"),
  AddTagsToCertificate: on("acm:AddTagsToCertificate"),
  RemoveTagsFromCertificate: on("acm:RemoveTagsFromCertificate"),
  ListTagsForCertificate: on("acm:ListTagsForCertificate"),
  ListCertificates: () => [check("acm:ListCertificates", "*")],
};
