/** What a caller needs who may do little: asked with sessions of a role of its own, each with a policy of its own. */
import { DeleteFleetsCommand } from "@aws-sdk/client-ec2";
import { CreateRoleCommand, GetRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { type Question, type Reply, refusalOf, unknown } from "./question.ts";
import { CALLER, openClients, type Scene, TAG } from "./scene.ts";

/** What the role may do at all; each session may do a part of it. */
const MOST = ["ec2:CreateFleet", "ec2:CreateTags", "iam:GetRole"];
/** Seconds until a role that was just made can be assumed, and does what its policy says. */
const USABLE = 60;
const SERVICE_ROLE = "AWSServiceRoleForEC2Fleet";

interface Statement {
  Action: string | string[];
  Resource: string;
}
type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken: string };

const policy = (...statements: Statement[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements.map((s) => ({ Effect: "Allow", ...s })) });

let made: { scene: Scene; role: Promise<string> } | undefined;

/** Made by the first who asks. @returns its ARN. */
function roleOf(scene: Scene): Promise<string> {
  if (made?.scene !== scene) made = { scene, role: makeRole(scene) };
  return made.role;
}

async function makeRole({ clients: { iam }, account }: Scene): Promise<string> {
  const trust = {
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: "sts:AssumeRole" },
    ],
  };
  const RoleName = CALLER;
  const { Role } = await iam.send(
    new CreateRoleCommand({
      ...{ RoleName, AssumeRolePolicyDocument: JSON.stringify(trust) },
      Tags: [{ Key: TAG, Value: "yes" }],
    }),
  );
  const PolicyDocument = policy({ Action: MOST, Resource: "*" });
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: CALLER, PolicyDocument }));
  return Role?.Arn ?? "";
}

/** @returns undefined when the role cannot be assumed. */
async function sessionOf(scene: Scene, ...may: Statement[]): Promise<Credentials | undefined> {
  const RoleArn = await roleOf(scene);
  return scene.until(USABLE, async () => {
    const request = { RoleArn, RoleSessionName: CALLER, Policy: policy(...may) };
    try {
      const { Credentials: got } = await scene.clients.sts.send(new AssumeRoleCommand(request));
      const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = got ?? {};
      return {
        done: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
      };
    } catch (error) {
      return { waiting: (error as Error).message };
    }
  });
}

/** Whether it is allowed, once the role's policy is known everywhere. @returns AWS's last refusal. */
async function allowed(
  scene: Scene,
  ask: () => Promise<unknown>,
): Promise<{ code: string; said: string } | undefined> {
  let refused: Awaited<ReturnType<typeof refusalOf>>;
  await scene.until(USABLE / 2, async () => {
    refused = await refusalOf(ask());
    return refused === undefined ? { done: true } : { waiting: refused.code };
  });
  return refused;
}

const fleetPermissions: Question = {
  id: "fleet-permissions",
  asks: "May someone make a maintain fleet who has ec2:CreateFleet and not ec2:RunInstances?",
  ask: async (scene, { fleet }) => {
    if (fleet === undefined) return unknown("there is no fleet: an empty one was refused");
    const credentials = await sessionOf(scene, {
      Action: ["ec2:CreateFleet", "ec2:CreateTags"],
      Resource: "*",
    });
    if (credentials === undefined) return unknown("the role cannot be assumed");
    const clients = openClients(scene.region, credentials);
    try {
      const { version } = await scene.template();
      const refused = await allowed(scene, async () => {
        const made = await scene.fleet(version, 0, {}, clients.ec2);
        const gone = { FleetIds: [made], TerminateInstances: true };
        await scene.clients.ec2.send(new DeleteFleetsCommand(gone));
      });
      return refused === undefined ? { answer: "yes", facts: {} } : { answer: "no", facts: refused };
    } finally {
      clients.close();
    }
  },
};

const serviceRolePath: Question = {
  id: "service-role-path",
  asks: "Does a policy have to name AWS's own role with its path, or without it, for iam:GetRole?",
  ask: async (scene): Promise<Reply> => {
    const { account, clients } = scene;
    await clients.iam.send(new GetRoleCommand({ RoleName: SERVICE_ROLE }));
    const arn = (path: string) => `arn:aws:iam::${account}:role/${path}${SERVICE_ROLE}`;
    const works = async (Resource: string): Promise<boolean | undefined> => {
      const credentials = await sessionOf(scene, { Action: "iam:GetRole", Resource });
      if (credentials === undefined) return undefined;
      const iam = new IAMClient({ region: scene.region, credentials });
      try {
        const look = () => iam.send(new GetRoleCommand({ RoleName: SERVICE_ROLE }));
        return (await allowed(scene, look)) === undefined;
      } finally {
        iam.destroy();
      }
    };
    const withPath = await works(arn("aws-service-role/ec2fleet.amazonaws.com/"));
    const without = await works(arn(""));
    if (withPath === undefined || without === undefined) return unknown("the role cannot be assumed");
    const answer = withPath ? (without ? "either" : "with") : without ? "without" : "neither alone";
    return { answer, facts: { withPath, withoutPath: without } };
  },
};

export const ofCallers = [fleetPermissions, serviceRolePath];
