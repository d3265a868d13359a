/**
 * Claims of GitHub's tokens that trust policies can ask for, beside `sub` and `aud` (AWS, January 2026: "AWS STS
 * supports validation of identity provider claims").
 */
export const GITHUB_CLAIMS = [
  "actor",
  "actor_id",
  "enterprise_id",
  "environment",
  "job_workflow_ref",
  "ref",
  "repository",
  "repository_id",
  "workflow",
] as const;

/**
 * Condition keys this model fills in wherever AWS would. A policy that asks for another is refused loudly, so
 * that a condition cannot pass or fail only because no one modelled its key.
 */
const MODELLED = [
  /^aws:(requesttag|resourcetag|principaltag)\/./,
  /^aws:(tagkeys|currenttime|epochtime|securetransport|sourceip|requestedregion|useragent|userid)$/,
  /^aws:(principalarn|principalaccount|principaltype|resourceaccount|tokenissuetime)$/,
  // Never there when a role session calls directly, or always "false".
  /^aws:(username|multifactorauthpresent|sourceaccount|sourcearn|calledvia|viaawsservice|principalisawsservice)$/,
  /^ec2:resourcetag\/./,
  /^ec2:(createaction|region|sourceinstancearn)$/,
  /^iam:resourcetag\/./,
  /^iam:(passedtoservice|awsservicename|policyarn)$/,
  /^s3:(prefix|delimiter|max-keys|if-match|if-none-match|objectcreationoperation|versionid)$/,
  /^s3:requestobjecttag(keys$|\/.)/,
  /^route53:changeresourcerecordsets(normalizedrecordnames|recordtypes|actions)$/,
  /^acm:(domainnames|validationmethod|export|keyalgorithm)$/,
  /^ssm:(recursive|overwrite)$/,
  /^sts:(rolesessionname|externalid)$/,
  // Of an OIDC provider: its host and path, then the claim.
  /^[a-z0-9.-]+(:\d+)?(\/[^:]*)?:(sub|aud|amr)$/,
  new RegExp(`^token\\.actions\\.githubusercontent\\.com:(${GITHUB_CLAIMS.join("|")})$`),
];

/** Every call is held against the same few. */
const asked = new Map<string, boolean>();

export function isModelled(key: string): boolean {
  const known = asked.get(key) ?? MODELLED.some((m) => m.test(key.toLowerCase()));
  asked.set(key, known);
  return known;
}
