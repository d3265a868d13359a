import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** The line from one instance to S3, which can be cut while those of others go on. */
export class Relay {
  readonly endpoint: string;
  readonly #server: Server;
  readonly #ends: Set<Socket>;
  #whole = true;

  private constructor(server: Server, ends: Set<Socket>) {
    this.#server = server;
    this.#ends = ends;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @param endpoint of S3. */
  static async to(endpoint: string): Promise<Relay> {
    const { hostname, port } = new URL(endpoint);
    const ends = new Set<Socket>();
    let relay: Relay | undefined;
    const keep = (socket: Socket): void => {
      ends.add(socket);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => ends.delete(socket));
    };
    const server = createServer((here) => {
      keep(here);
      // What is cut takes a connection, and never answers.
      if (relay?.whole !== true) return;
      const there = connect(Number(port), hostname);
      keep(there);
      here.pipe(there).pipe(here);
      here.on("close", () => there.destroy());
      there.on("close", () => here.destroy());
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    relay = new Relay(server, ends);
    return relay;
  }

  get whole(): boolean {
    return this.#whole;
  }

  cut(): void {
    this.#whole = false;
    for (const end of this.#ends) {
      end.unpipe();
      end.pause();
    }
  }

  /** Connections that were open are gone; new ones go through. */
  mend(): void {
    this.#whole = true;
    for (const end of this.#ends) end.destroy();
  }

  close(): void {
    for (const end of this.#ends) end.destroy();
    this.#server.close();
  }
}
