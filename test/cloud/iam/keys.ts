/**
 * Condition keys this model fills in wherever AWS would. A policy that asks for another is refused loudly, so
 * that a condition cannot pass or fail only because nobody modelled its key.
 */
const MODELLED = [
  /^aws:(requesttag|resourcetag|principaltag)\/./,
  /^aws:(tagkeys|currenttime|epochtime|securetransport|sourceip|requestedregion|useragent|userid|username)$/,
  /^aws:(principalarn|principalaccount|principaltype|resourceaccount|tokenissuetime|mutifactorauthpresent)$/,
  /^aws:(sourceaccount|sourcearn|viaawsservice|principalisawsservice|calledvia)$/,
  /^ec2:(resourcetag)\/./,
  /^ec2:(createaction|region|sourceinstancearn|launchtemplate|islaunchtemplateresource)$/,
  /^iam:(resourcetag)\/./,
  /^iam:(passedtoservice|awsservicename|policyarn)$/,
  /^s3:(prefix|delimiter|max-keys|if-match|if-none-match|objectcreationoperation|versionid)$/,
  /^route53:changeresourcerecordsets(normalizedrecordnames|recordtypes|actions)$/,
  /^acm:(domainnames|validationmethod|export|keyalgorithm)$/,
  /^ssm:(recursive|overwrite)$/,
  /^sts:(rolesessionname|externalid)$/,
  /** Of an OIDC provider: its host and path, then the claim. */
  /^[^:]+\.[^:]+(:\d+)?(\/[^:]*)?:(sub|aud|amr)$/,
  /^(127\.0\.0\.1|localhost)(:\d+)?(\/[^:]*)?:(sub|aud|amr)$/,
];

export const isModelled = (key: string): boolean => MODELLED.some((m) => m.test(key.toLowerCase()));
