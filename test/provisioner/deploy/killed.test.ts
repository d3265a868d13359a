/** Every fourth death; test/system/killed.test.ts has all. */
import { killedDeploys } from "./killed.ts";

killedDeploys(4);
