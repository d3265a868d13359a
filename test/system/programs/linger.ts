/** Starts all that a sandbox can leave behind, says "ready", and stays: a real machine, an orphan, a mount, a port. */
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import path from "node:path";
import { execa } from "execa";
import { ensureImage } from "../../cloud/nspawn/image.ts";
import { nspawnMachines } from "../../cloud/nspawn/machines.ts";
import { requireSandbox } from "../../cloud/sandbox/sandbox.ts";

const sandbox = requireSandbox();
const image = await ensureImage(sandbox, "debian-13", { proxy: "http://127.0.0.1:9" });
const machines = nspawnMachines({
  around: { imdsPort: 1338, proxy: "http://127.0.0.1:9", aptSettings: {}, environment: {}, certificates: "" },
  image: async () => image,
});
await machines.start({
  instanceId: "i-0123456789abcdef0",
  imageId: "ami-1",
  instanceType: "t3.micro",
  address: "127.0.1.7",
  availabilityZone: "us-east-1a",
  userData: undefined,
});
await execa("mount", ["-t", "tmpfs", "left-behind", path.join(sandbox.directory, "tmp")]);
spawn("setsid", ["sleep", "1000"], { detached: true, stdio: "ignore" }).unref();
createServer().listen(8080, "127.0.0.1", () => console.log(`ready ${sandbox.id}`));
