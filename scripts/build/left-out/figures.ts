/** In place of the symbols execa decorates its verbose output with, which the agent never asks for. */
export default {};
