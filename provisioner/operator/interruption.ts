import { EverspotError } from "../../agent/site/errors.ts";

/** How a shell reports a program that SIGINT ended. */
const EXIT_CODE = 130;

/**
 * Aborted by the first Ctrl-C (or SIGTERM, as a CI runner sends it when a run is cancelled), for a command that cleans
 * up before it ends. The second ends the program at once.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_CODE);
    process.stderr.write("\nstopping and cleaning up; press Ctrl-C again to end at once\n");
    controller.abort(
      new EverspotError("stopped", { hint: "run the command again when you are ready", exitCode: EXIT_CODE }),
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  return controller.signal;
}
