/** In place of the SDK's event streams: no operation that the agent calls has one. */
export const resolveEventStreamSerdeConfig = <T>(config: T): T => config;

export const eventStreamSerdeProvider = () => ({});

export class EventStreamSerde {
  constructor() {
    throw new Error("event streams are not part of the agent");
  }
}
