// @ts-check
// What the client can be asked to do. Times are in seconds and begin when all connections are open.
import { contentOf } from '../body.js'
import { openConnection } from './connection.js'
import { download } from './download.js'
import { upload2 } from './http2.js'
import { hold, letGo } from './idle.js'
import { tiny } from './tiny.js'
import { trickle } from './trickle.js'
import { append, create, offsetOf, send, statusOf } from './tus.js'

/** @typedef {import('./tus.js').Upload} Upload */

const uploading = { create: createAll, upload, order, steps, look, join, upload2 }
export const jobs = { ...uploading, tiny, download, extensions, trickle, hold, letGo }

/** @typedef {typeof jobs} Jobs */

/**
 * Creates uploads, one after the other.
 * @param {{ port: number, lengths: readonly number[], partial?: boolean }} order
 * @returns {Promise<readonly Upload[]>}
 */
async function createAll({ port, lengths, partial = false }) {
  const connection = await openConnection(port)
  try {
    /** @type {Upload[]} */
    const uploads = []
    for (const [index, length] of lengths.entries()) {
      const path = await create(connection, length, partial ? 'Upload-Concat: partial\r\n' : '')
      uploads.push({ path, seed: index + 1, length })
    }
    return uploads
  } finally {
    connection.close()
  }
}

/**
 * Sends all uploads at once, each as one PATCH on its own connection.
 * @param {{ port: number, uploads: readonly Upload[] }} order
 */
async function upload({ port, uploads }) {
  const connections = await Promise.all(uploads.map(() => openConnection(port)))
  try {
    const start = performance.now()
    await Promise.all(
      connections.map(async (connection, index) => {
        const one = uploads[index]
        if (one !== undefined) await send(connection, one, contentOf(one.seed, 0, one.length))
      }),
    )
    return { seconds: (performance.now() - start) / 1000 }
  } finally {
    for (const connection of connections) connection.close()
  }
}

/**
 * Lets the server upload bytes that it makes itself, all uploads at once.
 * @param {{ port: number, uploads: readonly Upload[] }} order
 */
async function order({ port, uploads }) {
  const connections = await Promise.all(uploads.map(() => openConnection(port)))
  try {
    const start = performance.now()
    await Promise.all(
      connections.map(async (connection, index) => {
        const one = uploads[index]
        if (one === undefined) return
        const query = `seed=${one.seed}&length=${one.length}`
        statusOf(await connection.request('PUT', `${one.path}?${query}`), 204, 'PUT')
      }),
    )
    return { seconds: (performance.now() - start) / 1000 }
  } finally {
    for (const connection of connections) connection.close()
  }
}

/**
 * Sends an upload from one offset to another, in PATCHes of at most `step` bytes, one after the other.
 * @param {{ port: number, upload: Upload, from: number, to: number, step: number }} order
 */
async function steps({ port, upload: { path, seed }, from, to, step }) {
  const connection = await openConnection(port)
  try {
    for (let offset = from; offset < to; offset += step) {
      const end = Math.min(offset + step, to)
      await append(connection, path, offset, end - offset, contentOf(seed, offset, end))
    }
  } finally {
    connection.close()
  }
}

/**
 * Asks for the offset, which must be this.
 * @param {{ port: number, upload: Upload, offset: number }} order
 */
async function look({ port, upload: { path }, offset }) {
  const connection = await openConnection(port)
  try {
    offsetOf(await connection.request('HEAD', path), offset, 'HEAD')
  } finally {
    connection.close()
  }
}

/**
 * What the server offers.
 * @param {{ port: number }} order
 */
async function extensions({ port }) {
  const connection = await openConnection(port)
  try {
    const answer = await connection.request('OPTIONS', '/files/')
    return (answer.header('tus-extension') ?? '').split(',').map((one) => one.trim())
  } finally {
    connection.close()
  }
}

/**
 * Makes a final upload of complete partial ones, and sees that it is complete.
 * @param {{ port: number, parts: readonly Upload[] }} order
 */
async function join({ port, parts }) {
  const connection = await openConnection(port)
  try {
    const start = performance.now()
    const list = parts.map((part) => part.path).join(' ')
    const answer = await connection.request('POST', '/files/', `Upload-Concat: final;${list}\r\nContent-Length: 0\r\n`)
    const path = statusOf(answer, 201, 'the final POST')
    const head = await connection.request('HEAD', path)
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    // A complete final upload need not tell its offset, but must tell its length
    const told = [head.header('upload-length'), head.header('upload-offset') ?? String(length)]
    if (told.some((value) => value !== String(length)))
      throw new Error(`the final upload is not complete: ${head.head}`)
    return { seconds: (performance.now() - start) / 1000, path }
  } finally {
    connection.close()
  }
}
