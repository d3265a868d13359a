import { JsonCodec2, XmlCodec } from "@aws-sdk/core/protocols";
import type { FromStringShapeDeserializer } from "@smithy/core/protocols";
import type { Service } from "./service.ts";

/** The SDK's own readers and writers, set up as each protocol has them. Timestamps: 5 is ISO 8601, 7 epoch seconds. */
export const ISO_8601 = 5;
export const EPOCH_SECONDS = 7;

export type CodecSettings = ConstructorParameters<typeof FromStringShapeDeserializer>[0];

export const settings = (timestamps: 5 | 7, httpBindings: boolean): CodecSettings => ({
  timestampFormat: { useTrait: true, default: timestamps },
  httpBindings,
});

export const xmlCodec = (service: Service, more: { httpBindings: boolean; xmlNamespace: string }): XmlCodec =>
  new XmlCodec({
    ...settings(ISO_8601, more.httpBindings),
    xmlNamespace: more.xmlNamespace,
    serviceNamespace: service.defaultNamespace,
  });

/** `jsonName`: REST services rename members by trait, RPC ones do not. */
export const jsonCodec = (rest: boolean): JsonCodec2 =>
  new JsonCodec2({ ...settings(EPOCH_SECONDS, rest), jsonName: rest });
