/** A release that is tried on a site's data. */
export interface Tried {
  /** Number of the mark that was set before. */
  mark: number;
  name: string;
}

/**
 * Which release is tried on the site's data, as the log tells: from its mark until an `open` says that it serves, or a
 * `rewind` that it was taken back. No visitor is answered from what is written in between: who lets visitors in writes one
 * of the two before.
 */
export class Trials {
  /** The one that has not come to its end. */
  tried: Tried | undefined;

  constructor(tried?: Tried) {
    this.tried = tried;
  }

  /** To be called with every entry that counts, in their order. */
  saw(seq: number, { kind, name = "" }: { kind: string; name?: string }): void {
    // Whoever begins again with it sets another one, behind what was half done.
    if (kind === "mark") this.tried ??= { mark: seq, name };
    if (kind === "open" || kind === "rewind") this.tried = undefined;
  }
}
