// app/files/[[...path]]/route.js
import { createUploads } from 'tusker'
import { diskStore } from 'tusker/disk'

export const runtime = 'nodejs'
export const dynamic = 'force-dynamic'

const uploads = await createUploads({ store: diskStore({ directory: './data' }), basePath: '/files/' })

const answer = (request) => uploads.fetch(request)

export { answer as DELETE, answer as GET, answer as HEAD, answer as OPTIONS, answer as PATCH, answer as POST }
