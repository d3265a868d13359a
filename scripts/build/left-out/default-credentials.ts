/** In place of the SDK's search for credentials: the agent uses its instance's role and nothing else. */
export const defaultProvider = () => async (): Promise<never> => {
  throw new Error("a client was made without the instance role's credentials");
};
