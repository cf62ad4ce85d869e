/** Facts of an event. Never metadata values, tokens or bodies. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

/**
 * Where events go. An event is a name and its facts (`upload.created`, `{ id, length }`), not prose; `hint` among the
 * facts of a warning or an error tells the operator what to do next.
 */
export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields, cause?: unknown): void
}

/** Says nothing. */
export const silent: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}
