// Refuses what is not a picture, and files the others by day.
// node bin/tusker.js -hooks-dir examples/hooks/files -hooks-enabled-events ''
import { json } from 'node:stream/consumers'

const { Upload } = (await json(process.stdin)).Event
console.log(JSON.stringify(Upload.MetaData.filetype?.startsWith('image/') ? file() : refuse()))

function file() {
  const day = new Date().toISOString().slice(0, 10)
  const Path = `${day}/${process.env.TUSKER_EVENT_ID}.bin`
  return { ChangeFileInfo: { Storage: { Path }, MaxSize: 50_000_000 } }
}

function refuse() {
  const HTTPResponse = { StatusCode: 415, Body: 'pictures only\n', Header: { 'Content-Type': 'text/plain' } }
  return { RejectUpload: true, HTTPResponse }
}
