/** In place of what pino writes circular objects with; it says of them that they cannot be written. */
export const configure = () => JSON.stringify;
