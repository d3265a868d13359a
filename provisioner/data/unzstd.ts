import { decompress } from "fzstd";
import type { Unzstd } from "../../agent/site/state/chunks.ts";

/** Instances pack a base with Zstandard, which Node.js has from 22.15 on; the command line runs on 20, too. */
export const unzstd: Unzstd = (packed) => decompress(packed);
