/** What came of one request for the page that tells whether the app is well. */
export type Answer = { url: string; milliseconds: number } & ({ status: number } | { error: string });

/** In a few words: "200 in 84 ms", or why there was none. */
export const inWords = (answer: Answer): string =>
  "error" in answer ? answer.error : `${answer.status} in ${answer.milliseconds} ms`;

export const isUp = (answer: Answer): boolean => "status" in answer && answer.status === 200;
