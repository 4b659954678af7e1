/** Thrown before any load where server, model and rows do not belong together. The message is one sentence. */
export class DoesNotFit extends Error {}
