/** scripts/contact: asks AWS what only AWS can tell, and keeps the answers for the local AWS. */
import { interruption } from "../provisioner/operator/interruption.ts";
import { contact } from "./questions/contact.ts";

const { stdout, stderr } = process;
process.exitCode = await contact(process.argv.slice(2), { stdout, stderr, interruption });
