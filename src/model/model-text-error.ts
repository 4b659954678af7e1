/** The error of a model text that is refused, before it is known which file the text comes from. */
export class ModelTextError extends Error {}

export const refuse = (reason: string): never => {
  throw new ModelTextError(reason);
};
