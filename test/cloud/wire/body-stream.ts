/** A body that is there as a whole, as the stream that the SDK's client of S3 gives. */
import { Readable } from "node:stream";
import { sdkStreamMixin } from "@smithy/core/serde";

type SdkStream = ReturnType<typeof sdkStreamMixin>;
const wholes = new WeakMap<object, Buffer>();

/** @param whole no one else's. */
export function streamOf(whole: Buffer): Readable {
  const stream = new Readable({
    read() {
      if (whole.length > 0) this.push(whole);
      this.push(null);
    },
  });
  wholes.set(stream, whole);
  return stream;
}

/** With the SDK's helpers; of a whole body they need not put it together from its parts. */
export function withHelpers(body: unknown): SdkStream {
  const stream = sdkStreamMixin(body);
  const whole = wholes.get(stream);
  if (whole === undefined) return stream;
  const { transformToByteArray } = stream;
  let isTaken = false;
  const take = async (): Promise<Uint8Array> => {
    if (isTaken) throw new Error("The stream has already been transformed.");
    const { readableFlowing, readableDidRead, destroyed } = stream as unknown as Readable;
    if (readableFlowing !== null || readableDidRead || destroyed) return transformToByteArray();
    isTaken = true;
    (stream as unknown as Readable).destroy();
    return new Uint8Array(whole);
  };
  return Object.assign(stream, {
    transformToByteArray: take,
    transformToString: async (encoding?: string) => {
      const bytes = Buffer.from(await take());
      if (encoding === undefined || Buffer.isEncoding(encoding)) return bytes.toString(encoding);
      return new TextDecoder(encoding).decode(bytes);
    },
  });
}
