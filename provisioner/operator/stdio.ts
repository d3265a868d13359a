import { plainOutput } from "./plain-output.ts";

/** This program's own input and outputs, for what it passes on as it is. */
export interface Stdio {
  /** Whether a person types there. */
  readonly typed: boolean;
  /** Ends with the input, or when `done` is called. */
  readonly input: AsyncIterable<Uint8Array>;
  /** @returns false when whoever read it has gone. */
  write(to: "stdout" | "stderr", bytes: Uint8Array): Promise<boolean>;
  /** No more is read. */
  done(): void;
}

/**
 * Whoever reads an output may go away, as `| head` does. The command goes on, and nothing is said of it: half of an `up`
 * would be worse.
 */
export function outliveReaders(outputs: readonly NodeJS.WritableStream[]): void {
  for (const output of outputs) {
    output.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
  }
}

export function createStdio(
  streams: { stdin: NodeJS.ReadStream; stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream } = process,
): Stdio {
  const { stdin } = streams;
  const filters = {
    stdout: streams.stdout.isTTY ? plainOutput() : undefined,
    stderr: streams.stderr.isTTY ? plainOutput() : undefined,
  };
  return {
    typed: stdin.isTTY === true,
    input: stdin as AsyncIterable<Uint8Array>,
    write: (to, bytes) =>
      new Promise((resolve, reject) => {
        streams[to].write(filters[to]?.(bytes) ?? bytes, (error) => {
          if (!error) resolve(true);
          else if ((error as NodeJS.ErrnoException).code === "EPIPE") resolve(false);
          else reject(error);
        });
      }),
    done: () => stdin.destroy(),
  };
}
