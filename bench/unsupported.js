// @ts-check
/** Thrown by a row that a server cannot do at all; the report says why. */
export class Unsupported extends Error {}
