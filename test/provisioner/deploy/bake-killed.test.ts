/** Every third death; test/system/killed.test.ts has all. */
import { killedBakes } from "./bake-killed.ts";

killedBakes(3);
