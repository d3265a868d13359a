/** What an instance may know of itself: the metadata service of one instance answers from it. */
export interface InstanceView {
  readonly instanceId: string;
  readonly imageId: string;
  readonly instanceType: string;
  /** "arm64" | "x86_64" */
  readonly architecture: string;
  readonly region: string;
  readonly availabilityZone: string;
  /** "use1-az1" */
  readonly availabilityZoneId: string;
  readonly accountId: string;
  readonly reservationId: string;
  readonly lifecycle: "spot" | "on-demand";
  /** 127.0.1.N. A machine that was stopped gets another one at its next start, and another view with it. */
  readonly privateAddress: string;
  /** The same address, or undefined when the instance was launched without a public one. */
  readonly publicAddress: string | undefined;
  readonly hostname: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly securityGroups: readonly string[];
  /** Raw, as the instance reads it; undefined when it has none. */
  readonly userData: Uint8Array | undefined;
  readonly metadata: {
    readonly enabled: boolean;
    /** "required": IMDSv2 only. */
    readonly tokens: "optional" | "required";
    readonly hopLimit: number;
    /** Are the instance's tags readable? */
    readonly tags: boolean;
  };
  readonly profile:
    | { readonly arn: string; readonly id: string; readonly roleName: string | undefined }
    | undefined;
  /** As they are now. */
  tags(): Readonly<Record<string, string>>;
  /** Undefined until EC2 has marked the instance. */
  spotAction(): { action: "terminate" | "stop" | "hibernate"; time: Date } | undefined;
  /** Undefined until EC2 has recommended a rebalance. */
  rebalance(): { noticeTime: Date } | undefined;
  /**
   * Of the profile's role, valid now; the same ones until they are about to expire. Undefined without a role.
   */
  credentials(): RoleCredentials | undefined;
}

export interface RoleCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  lastUpdated: Date;
  expiration: Date;
}

/**
 * Starts the metadata service of one instance, before its machine boots; what it returns stops it again. Called
 * once per start: a stopped instance has none.
 */
export type MetadataService = (view: InstanceView) => Promise<() => Promise<void>>;
