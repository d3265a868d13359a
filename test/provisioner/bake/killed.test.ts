/** Every third death; test/system/killed.test.ts has all. */
import { killedBakes } from "./killed.ts";

killedBakes(3);
