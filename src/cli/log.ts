import { inspect } from 'node:util'
import type { Log, LogFields } from '../core/log.ts'
import { escapeJson, quote } from './quote.ts'

/** Takes one line with its line feed. */
type Write = (line: string) => void
type Level = 'DEBUG' | 'INFO' | 'WARN' | 'ERROR'
/** Makes the line of an event. `cause` is undefined if there is none. */
type Format = (level: Level, event: string, fields: LogFields, cause: unknown) => string

/** What the program writes. */
export interface Output {
  readonly log: Log
  /** Writes a line that is for people: at the start and at the end. */
  say(line: string): void
}

/**
 * The output in the form that was asked for. As text, what is said stands there as it is; as JSON, every line is an object.
 * @param verbose false: warnings and errors only, and what is said
 */
export function createOutput(format: 'text' | 'json', write: Write, verbose: boolean): Output {
  if (format === 'text') return { log: textLog(write, verbose), say: (line) => write(`${line}\n`) }
  return {
    log: jsonLog(write, verbose),
    say: (message) => write(jsonLine('INFO', 'server.notice', { message }, undefined)),
  }
}

/**
 * A log for people and for grep: one event a line, `<ISO time> <LEVEL> <event> key=value ...`. Values come from clients
 * among others, so what could end a line or steer a terminal is escaped: nobody can forge a line.
 * @param verbose false: warnings and errors only
 */
export function textLog(write: Write, verbose: boolean): Log {
  return createLog(textLine, write, verbose)
}

/**
 * A log for machines: one JSON object a line, with `time`, `level`, `event`, the facts by their names, and `cause`.
 * @param verbose false: warnings and errors only
 */
export function jsonLog(write: Write, verbose: boolean): Log {
  return createLog(jsonLine, write, verbose)
}

function createLog(format: Format, write: Write, verbose: boolean): Log {
  const log = (level: Level) => (event: string, fields?: LogFields, cause?: unknown) =>
    write(format(level, event, fields ?? {}, cause))
  const nothing = () => undefined
  return {
    debug: verbose ? log('DEBUG') : nothing,
    info: verbose ? log('INFO') : nothing,
    warn: log('WARN'),
    error: log('ERROR'),
  }
}

const textLine: Format = (level, event, fields, cause) => {
  const words = [new Date().toISOString(), level, event]
  for (const [key, value] of Object.entries(fields))
    if (value !== undefined) words.push(`${key}=${quote(String(value))}`)
  if (cause !== undefined) words.push(`cause=${quote(explain(cause))}`)
  return `${words.join(' ')}\n`
}

const jsonLine: Format = (level, event, fields, cause) => {
  const known = { time: new Date().toISOString(), level, event }
  // Twice: first for their place in the line, then so that no fact goes over them
  const line = { ...known, ...fields, ...(cause !== undefined && { cause: explain(cause) }), ...known }
  return `${escapeJson(JSON.stringify(line))}\n`
}

/** An error with its stack and its causes. */
function explain(cause: unknown): string {
  return inspect(cause, { depth: 4, breakLength: Infinity })
}
