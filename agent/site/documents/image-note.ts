import * as z from "zod/mini";
import type { DocumentType } from "../document.ts";
import { keys } from "../names.ts";

/**
 * `image.json`: what the instances need to know of the image they are launched from. Written only by compare-and-swap,
 * by the operator's side; it counts only while the fleet launches by the version of the launch template it names.
 */
export const imageNote = z.strictObject({
  version: z.literal(1),
  nonce: z.string(),
  /** AMI id, of the site's own image. */
  image: z.string(),
  /** Version of the launch template that has this image. */
  launches: z.int().check(z.positive()),
  /** Version that is the same but for Debian's own image, to be launched when the other is gone. */
  stock: z.int().check(z.positive()),
});
export type ImageNote = z.infer<typeof imageNote>;
export const imageDocument: DocumentType<ImageNote> = { key: keys.image, schema: imageNote };
