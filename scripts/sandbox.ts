/** scripts/sandbox COMMAND [ARGUMENT…]: runs a command where only loopback exists (test/cloud/sandbox). */
import { messageOf } from "../agent/site/errors.ts";
import { enterSandbox } from "../test/cloud/sandbox/enter.ts";

const argv = process.argv.slice(2);
if (argv.length === 0) {
  console.error("usage: scripts/sandbox COMMAND [ARGUMENT…]");
  process.exit(2);
}
try {
  process.exitCode = await enterSandbox(argv);
} catch (error) {
  console.error(`scripts/sandbox: ${messageOf(error)}`);
  process.exitCode = 1;
}
