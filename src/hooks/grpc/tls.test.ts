import { ServerCredentials } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { ask } from '../../../test/hooks/support/calls.ts'
import { type HookServer, hookServer } from '../../../test/hooks/support/grpc-server.ts'
import { authority, type Certificate, selfSigned, signedBy } from '../../../test/support/certificate.ts'
import { type GrpcTlsOptions, grpcHooks } from '../grpc.ts'

const ending: (() => unknown)[] = []
afterEach(() => {
  for (const end of ending.splice(0).reverse()) end()
})

/** @param clients who signs the certificates of clients; null to ask for none */
async function secured({ cert, key }: Certificate, clients: Certificate | null = null): Promise<HookServer> {
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }
  const roots = clients === null ? null : Buffer.from(clients.cert)
  const server = await hookServer(() => ({ stopUpload: true }), {
    credentials: ServerCredentials.createSsl(roots, [pair], clients !== null),
  })
  ending.push(() => server.stop())
  return server
}

async function asked(address: string, tls: GrpcTlsOptions | null): Promise<unknown> {
  const hooks = grpcHooks({ address, tls, attempts: 1 })
  ending.push(() => hooks.close())
  return ask(hooks, 'postReceive')
}

const failure = (hint: RegExp) => ({ code: 'hook_failed', details: { hint: expect.stringMatching(hint) } })
const ANSWER = { reject: true }

describe('a hook server with a certificate', () => {
  it('that signed itself is trusted if it is named', async () => {
    const certificate = selfSigned()
    const { address, port } = await secured(certificate)
    expect(await asked(address, { serverCertificate: certificate.cert })).toEqual(ANSWER)
    expect(await asked(`localhost:${port}`, { serverCertificate: certificate.cert })).toEqual(ANSWER)
  })

  it('of an authority is trusted if either of the two is named', async () => {
    const root = authority()
    const certificate = signedBy(root)
    const { address } = await secured(certificate)
    expect(await asked(address, { serverCertificate: root.cert })).toEqual(ANSWER)
    expect(await asked(address, { serverCertificate: certificate.cert })).toEqual(ANSWER)
  })

  it('that nobody knows is not trusted, and learns nothing', async () => {
    const server = await secured(selfSigned())
    for (const tls of [{}, { serverCertificate: selfSigned().cert }]) {
      await expect(asked(server.address, tls)).rejects.toMatchObject(failure(/no connection to https:.*certificate/))
    }
    expect(server.asked).toEqual([])
  })

  it('for another name is not trusted', async () => {
    const certificate = selfSigned()
    const { port } = await secured(certificate)
    const other = asked(`127.0.0.2:${port}`, { serverCertificate: certificate.cert })
    // It listens on one address of loopback only
    await expect(other).rejects.toMatchObject(failure(/no connection/))
    const server = await hookServer(() => ({}), {
      address: '127.0.0.2:0',
      credentials: ServerCredentials.createSsl(null, [
        { cert_chain: Buffer.from(certificate.cert), private_key: Buffer.from(certificate.key) },
      ]),
    })
    ending.push(() => server.stop())
    const elsewhere = asked(`127.0.0.2:${server.port}`, { serverCertificate: certificate.cert })
    await expect(elsewhere).rejects.toMatchObject(failure(/127\.0\.0\.2 is not in the cert's list/))
  })

  it('that has expired is not trusted', async () => {
    const certificate = selfSigned(new Date('2020-01-01'), new Date('2020-01-02'))
    const { address } = await secured(certificate)
    const tls = { serverCertificate: certificate.cert }
    await expect(asked(address, tls)).rejects.toMatchObject(failure(/certificate has expired/))
  })

  it('that wants to know the client is shown its certificate', async () => {
    const [certificate, root] = [selfSigned(), authority()]
    const { address } = await secured(certificate, root)
    const client = signedBy(root)
    const serverCertificate = certificate.cert
    const mutual = { serverCertificate, clientCertificate: client.cert, clientKey: client.key }
    expect(await asked(address, mutual)).toEqual(ANSWER)
  })

  it('that wants to know the client does not take none, or a stranger', async () => {
    const [certificate, root, stranger] = [selfSigned(), authority(), selfSigned()]
    const server = await secured(certificate, root)
    const serverCertificate = certificate.cert
    const strange = { serverCertificate, clientCertificate: stranger.cert, clientKey: stranger.key }
    await expect(asked(server.address, { serverCertificate })).rejects.toMatchObject(failure(/no connection/))
    await expect(asked(server.address, strange)).rejects.toMatchObject(failure(/no connection/))
    expect(server.asked).toEqual([])
  })

  it('is not asked in the clear, and one without is not asked over TLS', async () => {
    const certificate = selfSigned()
    const [secure, plain] = [await secured(certificate), await hookServer(() => ({}))]
    ending.push(() => plain.stop())
    await expect(asked(secure.address, null)).rejects.toMatchObject(failure(/no connection/))
    await expect(asked(plain.address, {})).rejects.toMatchObject(failure(/no connection/))
  })

  it('must not be named with a key that belongs to another', () => {
    const [one, other] = [selfSigned(), selfSigned()]
    const tls = { clientCertificate: one.cert, clientKey: other.key }
    expect(() => grpcHooks({ address: 'localhost:1', tls })).toThrow(/belong together/)
  })
})
