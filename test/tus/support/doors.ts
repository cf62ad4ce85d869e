import type { Uploads } from '../../../src/uploads.ts'
import type { Answer, Fields, Payload } from './answer.ts'
import { fetchDoor } from './fetch-door.ts'
import { h2cDoor, tlsDoor } from './http2-door.ts'
import { nodeDoor } from './node-door.ts'
import { unixDoor } from './unix-door.ts'

/** A way into the server under test. */
export interface Door {
  readonly name: string
  /** Whether a request may have trailers. */
  readonly trailers: boolean
  /** Whether requests come by a connection, on which Node has read them before we do. */
  readonly network: boolean
  /** Whether it is HTTP/1.1, where a connection is told to be closed, and a broken header may cost it. */
  readonly http1: boolean
  open(uploads: Uploads): Promise<Entrance>
}

/** A door, opened. */
export interface Entrance {
  /** Scheme and authority under which clients see the server. */
  readonly origin: string
  /** TCP port; 0 if there is none. */
  readonly port: number
  send(method: string, url: string, fields: Fields, body?: Payload): Promise<Answer>
  begin(method: string, url: string, fields: Fields, start: Start): Running
  close(): Promise<void>
}

/** How a request begins whose body is not whole yet. */
export interface Start {
  /** What Content-Length says; absent for chunked. */
  readonly length?: number
  readonly first: string | Uint8Array
}

/** A request whose body is on its way. */
export interface Running {
  write(bytes: string | Uint8Array): Promise<void>
  /** Ends a chunked body properly; one with a length ends by itself. */
  end(): Promise<void>
  /** The client leaves in the middle of it. */
  cut(): void
  readonly answer: Promise<Answer>
  /** Resolves when the server lets the connection go; where there is none, with the answer. */
  readonly closed: Promise<void>
}

/**
 * The ways that a suite goes: the two doors by themselves; with TUSKER_DOORS=transports the servers that the command line puts
 * before them; with TUSKER_DOORS=node one of the two, where it is about what is behind the doors.
 */
export const doors: readonly Door[] = chosen(process.env['TUSKER_DOORS'])

function chosen(doors: string | undefined): readonly Door[] {
  if (doors === 'transports') return [tlsDoor, h2cDoor, unixDoor]
  return doors === 'node' ? [nodeDoor] : [nodeDoor, fetchDoor]
}
