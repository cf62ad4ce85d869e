// @tus/server with its defaults (a memory locker among them) on a plain node:http server: node tus-node.js <folder> <port>
import { createServer } from 'node:http'
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'

const [directory, port] = process.argv.slice(2)
const tus = new Server({ path: '/files', datastore: new FileStore({ directory }) })
createServer((req, res) => {
  tus.handle(req, res).catch((error) => {
    console.error(error)
    res.destroy()
  })
}).listen(Number(port), '127.0.0.1')
