/** A role of the account with policies of a test, in whose place the commands run, and what they asked for. */
import type { PolicyDocument } from "../../../provisioner/wanted/policy.ts";
import type { Cloud } from "../../cloud/cloud.ts";
import { parsePolicy } from "../../cloud/iam/document.ts";
import type { Role } from "../../cloud/iam/entities.ts";
import type { Check } from "../../cloud/iam/requests/check.ts";

const VARIABLES = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;

/** Seconds; longer than any life, in the time of a test. */
const LONG = 1e8;

/** One permission that a call needed; those that are alike once. */
export interface Asked extends Check {
  /** The first that needed it: "ec2.CreateVpc". */
  call: string;
  denied: boolean;
}

export interface Credentials {
  /** All that was asked of IAM so far, in order. */
  readonly asked: readonly Asked[];
  /** Whether these policies allow it. */
  may(policies: readonly PolicyDocument[], needed: Check): boolean;
  /** Runs with these credentials in the environment. */
  use<T>(run: () => Promise<T>): Promise<T>;
}

const readPolicy = (document: PolicyDocument) => {
  const text = JSON.stringify(document);
  return { text, policy: parsePolicy(text, "identity") };
};

/** @param policies attached to the role as managed policies are. */
export function credentialsOf(cloud: Cloud, name: string, policies: readonly PolicyDocument[]): Credentials {
  const { entities, sessions, authorizer } = cloud.iam;
  const trust = JSON.stringify({
    Version: "2012-10-17",
    Statement: { Effect: "Allow", Principal: { AWS: cloud.account }, Action: "sts:AssumeRole" },
  });
  const known = new WeakMap<PolicyDocument, ReturnType<typeof readPolicy>>();
  const withPolicies = (documents: readonly PolicyDocument[]): Role["inline"] =>
    new Map(
      documents.map((document, n) => {
        const read = known.get(document) ?? readPolicy(document);
        known.set(document, read);
        return [`policy-${n}`, read] as const;
      }),
    );
  const role: Role = {
    ...{ name, path: "/", id: `AROA${name}`, arn: `arn:aws:iam::${cloud.account}:role/${name}` },
    ...{ created: new Date(0), description: undefined, maxSession: LONG, attached: new Set() },
    ...{ trust: { text: trust, policy: parsePolicy(trust, "trust") }, tags: new Map(), service: undefined },
    inline: withPolicies(policies),
  };
  entities.roles.set(name, role);
  const session = sessions.issue({ roleId: role.id, roleName: name, sessionName: "ann", seconds: LONG });

  const asked = new Map<string, Asked>();
  const decide = authorizer.decide.bind(authorizer);
  authorizer.decide = (needed, by, of, call) => {
    const denial = decide(needed, by, of, call);
    if (by === session && call !== undefined) {
      const key = JSON.stringify([needed, denial !== undefined]);
      const from = `${call.service}.${call.operation}`;
      if (!asked.has(key)) asked.set(key, { ...needed, denied: denial !== undefined, call: from });
    }
    return denial;
  };
  return {
    get asked() {
      return [...asked.values()];
    },
    may: (documents, needed) =>
      decide(needed, session, { ...role, inline: withPolicies(documents) }) === undefined,
    use: async (run) => {
      const before = VARIABLES.map((variable) => [variable, process.env[variable]] as const);
      process.env.AWS_ACCESS_KEY_ID = session.accessKeyId;
      process.env.AWS_SECRET_ACCESS_KEY = session.secretAccessKey;
      process.env.AWS_SESSION_TOKEN = session.token;
      try {
        return await run();
      } finally {
        for (const [variable, value] of before) {
          if (value === undefined) delete process.env[variable];
          else process.env[variable] = value;
        }
      }
    },
  };
}
