import { describe, expect, it } from 'vitest'
import { doors } from './support/doors.ts'
import { host } from './support/site.ts'

const ALWAYS = ['creation', 'creation-with-upload', 'creation-defer-length', 'checksum']

function list(value: string | null): string[] {
  return (value ?? '').split(',').filter((item) => item !== '')
}

describe.each(doors)('discovery through the $name door', (door) => {
  const plain = host(door)
  const limited = host(door, { maxSize: 4096, expireAfter: 60_000 })
  const bare = host(door, { disableTermination: true, disableConcatenation: true, disableDownload: true })
  const trailers = door.trailers ? ['checksum-trailer'] : []
  const ask = (site: typeof plain) => site.send('OPTIONS', site.base, { 'Tus-Resumable': null })

  it('T-001 OPTIONS is answered with 204 and no body', async () => {
    const answer = await ask(plain)
    expect(answer.status).toBe(204)
    expect(answer.body).toHaveLength(0)
  })

  it('T-001 OPTIONS on an upload is answered in the same way', async () => {
    const url = await plain.create({ 'Upload-Length': '5' })
    const answer = await plain.send('OPTIONS', url)
    expect(answer.status).toBe(204)
    expect(answer.header('tus-version')).toBe('1.0.0')
  })

  it('T-002 OPTIONS lists the versions', async () => {
    expect((await ask(plain)).header('tus-version')).toBe('1.0.0')
  })

  it.each(['0.2.2', '2.0.0', '1.0.0', 'nonsense', ''])(
    'T-003 OPTIONS with Tus-Resumable "%s" is answered',
    async (v) => {
      const answer = await plain.send('OPTIONS', plain.base, { 'Tus-Resumable': v })
      expect(answer.status).toBe(204)
      expect(answer.header('tus-version')).toBe('1.0.0')
      expect(answer.header('tus-extension')).toContain('creation')
    },
  )

  it('T-004 OPTIONS lists what is there, and nothing else', async () => {
    const extensions = list((await ask(plain)).header('tus-extension'))
    const rest = ['termination', 'concatenation', 'concatenation-unfinished']
    expect(extensions.toSorted()).toEqual([...ALWAYS, ...trailers, ...rest].toSorted())
  })

  it('T-004 T-090 what was turned off is not listed', async () => {
    const extensions = list((await ask(bare)).header('tus-extension'))
    expect(extensions.toSorted()).toEqual([...ALWAYS, ...trailers].toSorted())
  })

  it('T-005 the maximum is told where there is one', async () => {
    expect((await ask(limited)).header('tus-max-size')).toBe('4096')
  })

  it('T-005 no maximum is told where there is none', async () => {
    expect((await ask(plain)).header('tus-max-size')).toBeNull()
  })

  it.each([
    ['creation-with-upload', 'creation'],
    ['creation-defer-length', 'creation'],
    ['checksum-trailer', 'checksum'],
    ['concatenation-unfinished', 'concatenation'],
  ])('T-030 %s is listed only beside %s', async (extension, needed) => {
    for (const site of [plain, limited, bare]) {
      const extensions = list((await ask(site)).header('tus-extension'))
      if (extensions.includes(extension)) expect(extensions).toContain(needed)
      expect(extensions).toContain('creation')
    }
  })

  it('T-037 creation-defer-length is listed, as it is supported', async () => {
    expect(list((await ask(plain)).header('tus-extension'))).toContain('creation-defer-length')
    expect((await plain.post({ 'Upload-Defer-Length': '1' })).status).toBe(201)
  })

  it('T-050 creation-with-upload is listed beside creation', async () => {
    const extensions = list((await ask(plain)).header('tus-extension'))
    expect(extensions).toEqual(expect.arrayContaining(['creation', 'creation-with-upload']))
  })

  it('T-060 expiration is listed only where uploads expire', async () => {
    expect(list((await ask(limited)).header('tus-extension'))).toContain('expiration')
    expect(list((await ask(plain)).header('tus-extension'))).not.toContain('expiration')
  })

  it('T-070 the checksum algorithms are listed in lower case, sha1 among them', async () => {
    const algorithms = list((await ask(plain)).header('tus-checksum-algorithm'))
    expect(algorithms.toSorted()).toEqual(['crc32', 'md5', 'sha1', 'sha256', 'sha512'])
  })

  it('T-090 concatenation is listed where it is supported', async () => {
    expect(list((await ask(plain)).header('tus-extension'))).toContain('concatenation')
  })
})
