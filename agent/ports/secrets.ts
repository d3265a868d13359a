/** The app's secrets by name (SSM Parameter Store, DESIGN §5). */
export interface SecretSource {
  /** All of the site's, decrypted; empty when there are none. @throws EverspotError, never with a value in it. */
  read(): Promise<Record<string, string>>;
}
