import type { Client } from './client.js'
import type { Service } from './s3/service.js'

/** What the command line asks for; sizes in bytes. */
export interface Options {
  readonly rows: readonly string[]
  /** Names of peers; null takes all that are installed. */
  readonly peers: readonly string[] | null
  readonly rounds: number
  /** Bytes of the large uploads. */
  readonly size: number
  readonly durability: 'none' | 'finish' | 'always'
  /** Where the uploads are kept while it runs. */
  readonly directory: string
  /** Folder of the result files. */
  readonly out: string
  /** The program of Tusker: this one's, or that of another build to compare with. */
  readonly tusker: string
  /** Address of an S3 service that is there already; null starts one for the rows that need it. */
  readonly s3: string | null
  readonly writeDocs: boolean
}

/** A server that can be started. */
export interface Peer {
  readonly name: string
  /** What it is and how it is set, in one line, for the report. */
  readonly about: string
  /** `place` is a folder; for a peer that stores in S3 it is a bucket, and `endpoint` the address of the service. */
  command(place: string, port: number, endpoint: string): readonly [file: string, ...args: string[]]
  /** What to do about it not being here; null if it is. */
  missing(): string | null
  /** Spoken by the client; HTTP/1.1 if absent. */
  readonly http2?: boolean
  /** Stores in S3: what clients send (`served`), the same but only in one PATCH (`whole`), or bytes of its own on request (`direct`). */
  readonly s3?: 'served' | 'whole' | 'direct'
}

/** One peer, running on an empty folder for one measurement. */
export interface Bed {
  readonly peer: Peer
  readonly port: number
  readonly folder: string
  readonly client: Client
  /** Bytes of the large uploads. */
  readonly size: number
  /** For rows that need one. */
  readonly service: Service | null
}

/** What was done in the measured interval. */
export interface Work {
  /** In the unit of the row; GiB may be a fraction. */
  readonly amount: number
  readonly seconds: number
  /** Something the reader of the figures must know. */
  readonly note?: string
}

/** One measurement: made ready, then measured, then proved. */
export interface Trial {
  run(): Promise<Work>
  /** Throws if a byte is not what was sent. Outside the measured interval. */
  check(): Promise<void>
}

export interface Row {
  readonly name: string
  title(size: number): string
  readonly unit: 'GiB' | 'request' | 'connection' | 'upload'
  /** Needs an S3 service; its tables are a section of their own. */
  readonly s3?: boolean
  /** Another choice of servers than that of the run; the ratios are to the first. */
  contestants?(peers: readonly Peer[]): readonly Peer[]
  /** Starts with what must not be measured: a warm-up, uploads to read. Throws `Unsupported`. */
  /** Whether the measured work writes about `size` bytes to the folder. */
  readonly fills?: boolean
  trial(bed: Bed): Promise<Trial>
}

/** Calls of a server to S3 by operation, counted and not timed. */
export type Calls = Readonly<Record<string, number>>

/** What a way to upload takes of each peer. */
export interface CallsResult {
  readonly title: string
  /** By the names of peers; a text says why there are none. */
  readonly peers: Readonly<Record<string, Calls | string>>
}

/** Sizes in bytes, times in seconds. */
export interface Measurement {
  readonly round: number
  readonly amount: number
  readonly seconds: number
  /** User and system time of all processes of the server. */
  readonly cpu: number
  /** Highest resident memory of all processes of the server. */
  readonly peak: number
  readonly note: string | null
}

/** What one peer did in one row. */
export interface Series {
  readonly peer: string
  readonly measurements: readonly Measurement[]
  /** Why it cannot do this at all. */
  readonly unsupported: string | null
  /** What went wrong: a request refused, or a byte that is not what was sent. */
  readonly failed: string | null
}

export interface RowResult {
  readonly row: string
  readonly title: string
  readonly unit: Row['unit']
  readonly series: readonly Series[]
}

/** The machine, and what was compared on it. */
export interface Facts {
  readonly date: string
  readonly processor: string
  readonly cores: number
  /** Bytes. */
  readonly memory: number
  readonly system: string
  readonly node: string
  readonly fileSystem: string
  /** What the S3 service is; null if none was needed. */
  readonly service: string | null
  readonly durability: string
  readonly rounds: number
  readonly size: number
  /** Other work on the machine: its load over the last minute, at the start and at the end. */
  readonly load: readonly [number, number]
  readonly peers: Readonly<Record<string, string>>
}

export interface Report {
  readonly facts: Facts
  readonly rows: readonly RowResult[]
  readonly calls: readonly CallsResult[]
}
