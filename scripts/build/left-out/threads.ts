/** In place of pino's worker threads: the agent logs to its own stdout. */
export default class ThreadStream {
  constructor() {
    throw new Error("pino's transports are not part of the agent");
  }
}
