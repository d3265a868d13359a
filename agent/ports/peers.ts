/** An instance as EC2 sees it. `alive`: pending or running. */
export interface Peer {
  instance: string;
  state: string;
  alive: boolean;
  launched: Date;
  privateAddress: string | undefined;
  /** Id of the EC2 Fleet that launched it. */
  fleet: string | undefined;
  /** Version of the launch template that it was launched by. */
  template?: number;
}

/** What EC2 knows of the instances of this site. */
export interface Peers {
  /** Undefined when EC2 does not know the instance: it is gone, or this answer is behind; see isGone. */
  find(instance: string): Promise<Peer | undefined>;
  all(): Promise<Peer[]>;
}
