import type * as SDK from "@aws-sdk/client-acm";
import { type Certificate, commonName, type Status, validFrom, validUntil } from "./certificate.ts";
import { validationDomain, validationRecord } from "./validation.ts";

/** `recordsKnown`: the records to put appear a moment after the request. */
export function detailOf(
  certificate: Certificate,
  status: Status,
  account: string,
  recordsKnown: boolean,
): SDK.CertificateDetail {
  const { material, names } = certificate;
  const parsed = material?.parsed;
  const amazon = certificate.type === "AMAZON_ISSUED";
  const validations = names.map((name) => validationOf(name, status, account, recordsKnown));
  return {
    CertificateArn: certificate.arn,
    DomainName: names[0],
    SubjectAlternativeNames: [...names],
    ...(amazon ? { DomainValidationOptions: validations } : {}),
    Subject: `CN=${names[0] ?? ""}`,
    CreatedAt: new Date(certificate.created),
    IssuedAt: dateOf(certificate.issued),
    ImportedAt: dateOf(certificate.imported),
    Status: status,
    ...(certificate.forbidden && { FailureReason: "CAA_ERROR" as const }),
    KeyAlgorithm: certificate.keyAlgorithm,
    SignatureAlgorithm: parsed?.publicKey.asymmetricKeyType === "ec" ? "SHA256WITHECDSA" : "SHA256WITHRSA",
    InUseBy: [],
    Type: certificate.type,
    KeyUsages: [{ Name: "DIGITAL_SIGNATURE" }, { Name: "KEY_ENCIPHERMENT" }],
    ExtendedKeyUsages: [{ Name: "TLS_WEB_SERVER_AUTHENTICATION", OID: "1.3.6.1.5.5.7.3.1" }],
    RenewalEligibility: eligibility(certificate),
    Options: {
      CertificateTransparencyLoggingPreference: amazon ? "ENABLED" : "DISABLED",
      Export: certificate.exportable ? "ENABLED" : "DISABLED",
    },
    ...(parsed === undefined
      ? {}
      : {
          Serial: parsed.serialNumber.toLowerCase().match(/../g)?.join(":"),
          Issuer: amazon ? "Amazon" : commonName(parsed.issuer),
          NotBefore: new Date(validFrom(parsed)),
          NotAfter: new Date(validUntil(parsed)),
        }),
    ...(certificate.renewed === undefined
      ? {}
      : {
          RenewalSummary: {
            RenewalStatus: "SUCCESS",
            DomainValidationOptions: validations,
            UpdatedAt: new Date(certificate.renewed),
          },
        }),
  };
}

export const summaryOf = (certificate: Certificate, status: Status): SDK.CertificateSummary => ({
  CertificateArn: certificate.arn,
  DomainName: certificate.names[0],
  SubjectAlternativeNameSummaries: [...certificate.names],
  HasAdditionalSubjectAlternativeNames: false,
  Status: status,
  Type: certificate.type,
  KeyAlgorithm: certificate.keyAlgorithm,
  KeyUsages: ["DIGITAL_SIGNATURE", "KEY_ENCIPHERMENT"],
  ExtendedKeyUsages: ["TLS_WEB_SERVER_AUTHENTICATION"],
  ExportOption: certificate.exportable ? "ENABLED" : "DISABLED",
  InUse: false,
  Exported: certificate.exported,
  RenewalEligibility: eligibility(certificate),
  ...(certificate.material === undefined
    ? {}
    : {
        NotBefore: new Date(validFrom(certificate.material.parsed)),
        NotAfter: new Date(validUntil(certificate.material.parsed)),
      }),
  CreatedAt: new Date(certificate.created),
  IssuedAt: dateOf(certificate.issued),
  ImportedAt: dateOf(certificate.imported),
});

/** ACM renews what is in use: here, what was exported. */
export const eligibility = (certificate: Certificate): SDK.RenewalEligibility =>
  certificate.type === "AMAZON_ISSUED" && certificate.exported ? "ELIGIBLE" : "INELIGIBLE";

function validationOf(
  name: string,
  status: Status,
  account: string,
  recordsKnown: boolean,
): SDK.DomainValidation {
  const state = {
    ISSUED: "SUCCESS",
    EXPIRED: "SUCCESS",
    PENDING_VALIDATION: "PENDING_VALIDATION",
    VALIDATION_TIMED_OUT: "FAILED",
    FAILED: "FAILED",
  } as const;
  return {
    DomainName: name,
    ValidationDomain: validationDomain(name),
    ValidationStatus: state[status],
    ValidationMethod: "DNS",
    ...(recordsKnown ? { ResourceRecord: validationRecord(account, name) } : {}),
  };
}

const dateOf = (ms: number | undefined): Date | undefined => (ms === undefined ? undefined : new Date(ms));
