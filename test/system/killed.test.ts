/** What a deploy or a bake leaves that dies, whichever of its writes was the last. */
import { describe } from "vitest";
import { killedBakes } from "../provisioner/deploy/bake-killed.ts";
import { killedDeploys } from "../provisioner/deploy/killed.ts";

describe("a deploy", () => killedDeploys(1));
describe("a bake", () => killedBakes(1));
