import type { Cloud } from "../../../test/cloud/cloud.ts";
import { ConnectionLost } from "../../../test/cloud/wire/disturb.ts";

/** What one machine sends to AWS is not heard for a while; all others are. Its own metadata service is. */
export class Line {
  #cut: { instance: string; mended: Promise<void>; mend: () => void } | undefined;

  constructor({ wire, iam }: Pick<Cloud, "wire" | "iam">) {
    wire.before(async (call) => {
      const cut = this.#cut;
      if (cut === undefined || call.accessKeyId === undefined) return;
      if (iam.sessionOf(call)?.instanceId !== cut.instance) return;
      await cut.mended;
      throw new ConnectionLost();
    });
  }

  cut(instance: string): void {
    let mend = () => {};
    const mended = new Promise<void>((resolve) => {
      mend = resolve;
    });
    this.#cut = { instance, mended, mend };
  }

  mend(): void {
    this.#cut?.mend();
    this.#cut = undefined;
  }
}
