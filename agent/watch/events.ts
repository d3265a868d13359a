import type { DeployState } from "../site/documents/deploy-state.ts";
import type { MaintenanceState } from "../site/documents/maintenance.ts";

/** Everything the watch loop can notice. `at` and `time` are milliseconds since the epoch. */
export type WatchEvent =
  /** AWS will take this instance at `time` (EC2 instance-action). */
  | { kind: "interruption"; action: "terminate" | "stop" | "hibernate"; time: number }
  /** AWS thinks an interruption likely (EC2 rebalance recommendation). */
  | { kind: "rebalance"; time: number }
  /** Another instance took the site over. */
  | { kind: "replaced"; by: string; epoch: number; address: string; privateAddress: string }
  /** Another instance is about to take over a site with state: nothing more may be written here. */
  | { kind: "claimed"; by: string; epoch: number; address: string; privateAddress: string }
  /** A later owner has the log of what the site writes. */
  | { kind: "fenced"; epoch: number }
  /** A deploy began or named its release; undefined: none is under way any more. */
  | { kind: "deploy"; running: DeployState | undefined }
  /** Visitors are to get a page instead of the site, or the site again. */
  | { kind: "maintenance"; state: MaintenanceState }
  /** The app has not answered its health check for `seconds`. */
  | { kind: "app-failing"; seconds: number; seen: string }
  | { kind: "app-recovered"; seconds: number }
  | { kind: "pressure"; of: "disk" | "memory"; usedPercent: number };

/** One line for a person. */
export function describe(event: WatchEvent): string {
  switch (event.kind) {
    case "interruption":
      return `AWS will ${event.action} this instance at ${new Date(event.time).toISOString()}`;
    case "rebalance":
      return `AWS recommends leaving this instance (since ${new Date(event.time).toISOString()})`;
    case "replaced":
      return `${event.by} took the site over (epoch ${event.epoch})`;
    case "claimed":
      return `${event.by} is about to take the site over (epoch ${event.epoch})`;
    case "fenced":
      return `a later owner has what the site writes: epoch ${event.epoch} ends here`;
    case "deploy":
      return event.running === undefined
        ? "no deploy is under way any more"
        : `${event.running.by} deploys ${event.running.release ?? "a release"} (${event.running.kind})`;
    case "maintenance":
      return `maintenance is ${event.state.on ? "on" : "off"}, by ${event.state.by}`;
    case "app-failing":
      return `the app has been failing its health check for ${event.seconds} s: ${event.seen}`;
    case "app-recovered":
      return `the app answers its health check again after ${event.seconds} s`;
    case "pressure":
      return `${event.of} is ${event.usedPercent} % full`;
  }
}
