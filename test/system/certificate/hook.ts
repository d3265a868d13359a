/** certbot's hook for tests: the agent's own, with the zone from the environment instead of the instance's. */
import { Route53Client } from "@aws-sdk/client-route-53";
import { createZone } from "../../../agent/aws/route53.ts";
import { certbotHook } from "../../../agent/certificate/hook.ts";

const action = process.argv[2] === "cleanup" ? "cleanup" : "auth";
await certbotHook(action, process.env, createZone(new Route53Client({}), process.env.TEST_ZONE ?? ""));
