/** What test/provisioner/commands/correcting.test.ts leaves out. */
import { others, testCorrections } from "../provisioner/commands/corrections.ts";

testCorrections(others);
