import type { BootConfig } from "../../user-data/boot-config.ts";
import type { AppMachine } from "../serving/app.ts";
import { kept, paths } from "../system/paths.ts";
import type { PatientClock } from "../system/processor.ts";
import type { Units } from "../system/units.ts";

/** The app's surroundings on a real instance. */
export const appMachine = (
  config: BootConfig,
  units: Units,
  patience: PatientClock,
  user: { uid: number; gid: number },
): AppMachine => ({
  units,
  patience,
  config,
  ...user,
  environment: paths.environment,
  static: paths.static,
  unitFiles: paths.units,
  kept,
  links: {
    socket: paths.socket,
    release: paths.release,
    static: paths.staticLink,
    staticBefore: paths.staticBefore,
  },
  socketOf: paths.appSocket,
});
