// A server that is asked over HTTP, and trusts only messages that are signed (https://www.standardwebhooks.com).
// openssl rand -base64 32 | sed 's/^/whsec_/' > secret
// SECRET_FILE=secret node examples/hooks/http-server.js
// node bin/tusker.js -hooks-http http://localhost:8081/ -hooks-http-secret-file secret -hooks-enabled-events ''
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'

const webhook = new Webhook(readFileSync(process.env.SECRET_FILE ?? 'secret', 'utf8').trim())
/** Events are delivered at least once: an id that was seen is not acted on again. */
const seen = new Set()

const server = createServer(async (request, response) => {
  let message
  try {
    message = webhook.verify(await text(request), request.headers)
  } catch {
    response.writeHead(401).end()
    return
  }
  const answer = decide(message)
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer))
})

function decide({ Type, Event: { ID, Upload } }) {
  if (Type === 'pre-create' && Upload.MetaData.filename === undefined) {
    return { RejectUpload: true, HTTPResponse: { StatusCode: 400, Body: 'a file needs a name\n' } }
  }
  if (Type === 'pre-finish') return { HTTPResponse: { Header: { 'X-Checked': 'yes' } } }
  if (Type === 'post-finish' && !seen.has(ID)) {
    seen.add(ID)
    console.log(`finished ${Upload.ID} (${Upload.MetaData.filename}), event ${ID}`)
  }
  return {}
}

server.listen(process.env.PORT ?? 8081, '127.0.0.1', () => {
  console.log(`listening on http://localhost:${server.address().port}/`)
})
