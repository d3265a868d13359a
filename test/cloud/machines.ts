/**
 * Where the local EC2 gets its machines from. The model decides what exists and in which state; a driver makes
 * it so. `simulated` keeps no machine at all (unit tests of the provisioner); `nspawn` boots a real Debian.
 */
export type CreditMode = "standard" | "unlimited";

/** Seconds are of one processor. */
export interface Credits {
  mode: CreditMode;
  /** Earned in each second: its baseline. */
  perSecond: number;
  atLaunch: number;
}

export interface Machine {
  instanceId: string;
  imageId: string;
  instanceType: string;
  /** How it pays for processor time above its type's baseline; undefined: it has all there is. */
  credits?: Credits | undefined;
  /** Of the local EC2's public and private address, 127.0.1.N or above; the machine binds no other. */
  address: string;
  availabilityZone: string;
  /** Raw, not base64. */
  userData: Uint8Array | undefined;
}

export interface Machines {
  /** Creates the disk and boots; resolves when pid 1 runs. A machine that was stopped keeps its disk. */
  start(machine: Machine): Promise<void>;
  /** Clean shut-down, then killed after `graceSeconds`. Idempotent. */
  stop(instanceId: string, graceSeconds: number): Promise<void>;
  /** Power off at once, as when the host dies. Idempotent. */
  kill(instanceId: string): Promise<void>;
  /** Stops every process of the machine where it is (SIGSTOP), or lets it go on. */
  freeze(instanceId: string): Promise<void>;
  thaw(instanceId: string): Promise<void>;
  /** From here on; of a machine that is off, from its next start on. */
  setCredits(instanceId: string, mode: CreditMode): void;
  /** Clean restart on the same disk; resolves when the machine has gone down. */
  reboot(instanceId: string): Promise<void>;
  /** Forgets the disk; the machine is stopped before. Idempotent. */
  remove(instanceId: string): Promise<void>;
  /**
   * Keeps a copy of the machine's disk as it is now, running or stopped; `start` with this `imageId` boots from
   * it. EC2 calls it for CreateImage. Resolves when the image can be booted.
   */
  snapshot(instanceId: string, imageId: string): Promise<void>;
  /** Forgets an image made by `snapshot`; machines that run from it keep their disk. Idempotent. */
  removeImage(imageId: string): Promise<void>;
  /** Called when a machine ended though no one asked it to (`poweroff` inside). */
  onExit(listener: (instanceId: string) => void): void;
  /** What the machine printed on its console, newest last. */
  console(instanceId: string): Promise<string>;
  /** Runs a command as root inside; for tests and reports only. */
  exec(
    instanceId: string,
    command: string,
    args: readonly string[],
  ): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Ends every machine and leaves nothing behind. */
  close(): Promise<void>;
}

/** No machines: states change, nothing runs. */
export const simulatedMachines = (): Machines => ({
  start: async () => {},
  stop: async () => {},
  kill: async () => {},
  freeze: async () => {},
  thaw: async () => {},
  setCredits: () => {},
  reboot: async () => {},
  remove: async () => {},
  snapshot: async () => {},
  removeImage: async () => {},
  onExit: () => {},
  console: async () => "",
  exec: async () => {
    throw new Error("simulated machines run no commands");
  },
  close: async () => {},
});
