/** [fleet]: which instances AWS may give. */
import * as z from "zod/mini";
import { credits } from "./burstable.ts";
import { table } from "./camel.ts";
import { matching, notes } from "./text.ts";

export type Arch = "x86_64" | "arm64";

/**
 * Several types with at least 1 GB of memory: the more pools, the fewer interruptions. First those that an account with
 * AWS's free plan may start, too.
 */
const DEFAULT_TYPES: Record<Arch, string[]> = {
  x86_64: ["t3.micro", "t3.small", "t3a.micro", "t3a.small"],
  arm64: ["t4g.micro", "t4g.small", "t4g.medium"],
};

/** Graviton families have a `g` right after the generation (t4g, c7gn, im4gn), and there is a1. */
export const archOfType = (type: string): Arch =>
  /^(a1|[a-z]+\d+g[a-z]*)\./.test(type) ? "arm64" : "x86_64";

const typeName = matching(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, "not an instance type", 'like "t3.micro"');

export const fleet = {
  arch: z.optional(z.enum(["x86_64", "arm64"])).register(notes, {
    description: "The processor: x86_64, or arm64, which is usually cheaper.",
    examples: ["x86_64"],
    otherwise: "that of the types; x86_64 without types",
  }),
  types: z.optional(z.array(typeName).check(z.minLength(1), z.maxLength(30))).register(notes, {
    description:
      "Instance types AWS may choose from. More types find more spot capacity and are taken away less often.",
    examples: [DEFAULT_TYPES.x86_64],
    otherwise: `${listed(DEFAULT_TYPES.x86_64)}; for arm64 ${listed(DEFAULT_TYPES.arm64)}`,
  }),
  max_price: z.optional(z.number().check(z.minimum(0.0001), z.maximum(100))).register(notes, {
    description: "Never pay more than this for an instance, in USD per hour.",
    examples: [0.02],
    otherwise: "the on-demand price",
  }),
  bridge: z._default(z.boolean(), false).register(notes, {
    description:
      "Whether an on-demand instance, at its full price, may bridge the gap when AWS takes the spot instance and has no other. The next deploy goes back to spot.",
    examples: [false],
  }),
  credits,
  disk: z._default(z.int().check(z.minimum(8), z.maximum(1024)), 8).register(notes, {
    description: "GB of the instance's gp3 disk.",
    examples: [8],
  }),
};

const written = table(fleet);

/** Either of architecture and types follows from the other. */
export const fleetTable = z.pipe(
  written,
  z.transform((value: z.output<typeof written>) => {
    const first = value.types?.[0];
    const arch = value.arch ?? (first === undefined ? "x86_64" : archOfType(first));
    return { ...value, arch, types: value.types ?? DEFAULT_TYPES[arch] };
  }),
);

function listed(types: readonly string[]): string {
  return `${types.slice(0, -1).join(", ")} and ${types.at(-1)}`;
}
