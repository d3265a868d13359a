/**
 * How each operation that everspot's commands use can fail though nothing is wrong: with which code, and where AWS says
 * so. A row for a read right after a write, by id, is named "…:id"; any other read fails as servers do.
 */
export interface Passing {
  operation: string;
  code: string;
  status: number;
  source: string;
}

const EC2 = 'EC2 Developer Guide, "Eventual consistency"; codes: EC2 API Reference, "Error codes"';
const SERVER = 'EC2 API Reference, "Error codes", server errors';
const IAM = 'IAM User Guide, "Changes that I make are not always immediately visible"';
const IAM_API = "IAM API Reference, errors of the operation";
const S3 = 'S3 API Reference, "Error responses"';
const S3_NEW = 'S3 User Guide, "Amazon S3 data consistency model": buckets are eventually consistent';
const ROUTE53 = "Route 53 API Reference, ChangeResourceRecordSets";
const LOGS = "CloudWatch Logs API Reference, errors of the operation";
const COMMON = "the service's API Reference, common errors";

type Row = readonly [code: string, status: number, source: string, operations: string];

const rows: readonly Row[] = [
  // What was just made is not known everywhere yet.
  ["InvalidVpcID.NotFound", 400, EC2, "ec2: CreateSubnet CreateRouteTable CreateSecurityGroup"],
  ["InvalidInternetGatewayID.NotFound", 400, EC2, "ec2: AttachInternetGateway CreateRoute"],
  ["InvalidSubnetID.NotFound", 400, EC2, "ec2: AssociateRouteTable"],
  ["InvalidGroup.NotFound", 400, EC2, "ec2: AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress"],
  ["InvalidSecurityGroupID.NotFound", 400, EC2, "ec2: CreateLaunchTemplate"],
  ["InvalidLaunchTemplateId.NotFound", 400, EC2, "ec2: CreateLaunchTemplateVersion"],
  ["InvalidLaunchTemplateId.NotFound", 400, EC2, "ec2: DescribeLaunchTemplateVersions:id"],
  ["InvalidLaunchTemplateId.VersionNotFound", 400, EC2, "ec2: ModifyFleet"],
  ["InvalidFleetId.NotFound", 400, EC2, "ec2: DescribeFleets:id DescribeFleetHistory:id"],
  ["InvalidAMIID.Unavailable", 400, EC2, "ec2: CreateFleet"],
  // What was just let go counts as used for a while.
  ["DependencyViolation", 400, EC2, "ec2: DeleteVpc DeleteSubnet DeleteSecurityGroup DeleteRouteTable"],
  ["DependencyViolation", 400, EC2, "ec2: DetachInternetGateway DeleteInternetGateway"],
  ["InvalidSnapshot.InUse", 400, EC2, "ec2: DeleteSnapshot"],
  ["Unavailable", 503, SERVER, "ec2: CreateVpc CreateInternetGateway DisassociateRouteTable"],
  ["Unavailable", 503, SERVER, "ec2: CreateImage TerminateInstances DeregisterImage"],
  ["Unavailable", 503, SERVER, "ec2: DeleteLaunchTemplate DeleteFleets CreateTags"],
  [
    "InternalError",
    500,
    SERVER,
    "ec2: DescribeVpcs DescribeSubnets DescribeRouteTables DescribeSecurityGroups",
  ],
  [
    "InternalError",
    500,
    SERVER,
    "ec2: DescribeInternetGateways DescribeSecurityGroupRules DescribeSnapshots",
  ],
  [
    "InternalError",
    500,
    SERVER,
    "ec2: DescribeLaunchTemplates DescribeFleets DescribeInstances DescribeVolumes",
  ],
  ["InternalError", 500, SERVER, "ec2: DescribeImages DescribeAvailabilityZones DescribeSpotPriceHistory"],
  ["InternalError", 500, SERVER, "ec2: DescribeInstanceTypeOfferings DescribeNetworkInterfaces"],
  ["InternalError", 500, SERVER, "ec2: DescribeInstanceTypes DescribeSpotInstanceRequests GetConsoleOutput"],
  ["NoSuchEntity", 404, IAM, "iam: PutRolePolicy AddRoleToInstanceProfile UpdateAssumeRolePolicy"],
  [
    "ConcurrentModification",
    409,
    IAM_API,
    "iam: CreateRole CreateInstanceProfile CreateOpenIDConnectProvider",
  ],
  ["ServiceFailure", 500, IAM_API, "iam: CreateServiceLinkedRole GetRole GetRolePolicy GetInstanceProfile"],
  ["ServiceFailure", 500, IAM_API, "iam: ListOpenIDConnectProviders GetOpenIDConnectProvider"],
  ["ServiceFailure", 500, IAM_API, "iam: RemoveRoleFromInstanceProfile DeleteRolePolicy"],
  ["DeleteConflict", 409, IAM_API, "iam: DeleteRole DeleteInstanceProfile"],
  ["OperationAborted", 409, S3, "s3: CreateBucket PutBucketTagging PutPublicAccessBlock PutBucketVersioning"],
  ["NoSuchBucket", 404, S3_NEW, "s3: PutBucketEncryption PutBucketPolicy PutBucketLifecycleConfiguration"],
  ["SlowDown", 503, S3, "s3: PutObject PutObjectTagging DeleteObjectTagging"],
  ["InternalError", 500, S3, "s3: HeadBucket GetBucketTagging GetBucketVersioning GetPublicAccessBlock"],
  ["InternalError", 500, S3, "s3: GetBucketEncryption GetBucketPolicy GetBucketLifecycleConfiguration"],
  ["InternalError", 500, S3, "s3: GetObject HeadObject ListObjectsV2 ListObjectVersions DeleteObjects"],
  ["BucketNotEmpty", 409, S3, "s3: DeleteBucket"],
  ["PriorRequestNotComplete", 400, ROUTE53, "route53: ChangeResourceRecordSets"],
  [
    "InternalFailure",
    500,
    COMMON,
    "route53: ListHostedZones ListHostedZonesByName GetHostedZone ListResourceRecordSets",
  ],
  ["InternalFailure", 500, COMMON, "sts: GetCallerIdentity"],
  ["ServiceException", 500, COMMON, "servicequotas: GetServiceQuota"],
  ["InternalServerException", 500, COMMON, "freetier: GetAccountPlanState"],
  [
    "InternalServerError",
    500,
    COMMON,
    "ssm: GetParameter GetParametersByPath PutParameter DescribeParameters",
  ],
  ["InternalServerError", 500, COMMON, "ssm: DeleteParameters DeleteParameter"],
  ["InternalFailure", 500, COMMON, "acm: ListCertificates ListTagsForCertificate DeleteCertificate"],
  ["InternalFailure", 500, COMMON, "fis: ListExperimentTemplates GetExperiment DeleteExperimentTemplate"],
  ["InternalError", 500, COMMON, "sns: CreateTopic DeleteTopic Subscribe Unsubscribe"],
  ["InternalError", 500, COMMON, "sns: ListTagsForResource ListSubscriptionsByTopic"],
  ["InternalErrorException", 500, COMMON, "budgets: CreateBudget DeleteBudget DescribeBudget"],
  [
    "InternalErrorException",
    500,
    COMMON,
    "budgets: DescribeNotificationsForBudget DescribeSubscribersForNotification",
  ],
  ["ServiceFailure", 500, IAM_API, "iam: SimulatePrincipalPolicy"],
  ["OperationAbortedException", 400, LOGS, "logs: CreateLogGroup PutRetentionPolicy DeleteLogGroup"],
  ["ServiceUnavailableException", 503, LOGS, "logs: DescribeLogGroups DescribeLogStreams FilterLogEvents"],
  ["InternalFailure", 500, COMMON, "fis: CreateExperimentTemplate StartExperiment"],
];

export const passing: readonly Passing[] = rows.flatMap(([code, status, source, named]) => {
  const [service, ...operations] = named.split(/:? /);
  return operations.map((name) => ({ operation: `${service}.${name}`, code, status, source }));
});
