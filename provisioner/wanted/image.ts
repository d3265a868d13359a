/** An image that instances can be launched from. */
export interface Image {
  id: string;
  arch: string;
  rootDevice: string;
  /** GB of the disk it was made from: the least an instance's disk may have. */
  size: number;
  created: Date;
}
