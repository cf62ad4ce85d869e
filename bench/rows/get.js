// @ts-check
import { GIB, sizeText } from './sizes.js'

/**
 * One download; another before it is the warm-up.
 * @type {import('../types.ts').Row}
 */
export const get = {
  name: 'get',
  title: (size) => `GET of ${sizeText(size)}`,
  unit: 'GiB',
  async trial(bed) {
    const { client, port, size } = bed
    const uploads = await client.do('create', { port, lengths: [size] })
    await client.do('upload', { port, uploads })
    const [upload] = uploads
    if (upload === undefined) throw new Error('no upload was made')
    await client.do('download', { port, upload })
    return {
      run: async () => ({ ...(await client.do('download', { port, upload })), amount: size / GIB }),
      // The client compares what it got, after its clock has stopped, and fails
      check: async () => {},
    }
  },
}
