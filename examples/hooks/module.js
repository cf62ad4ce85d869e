// Hooks in the process of the server itself, with the types of an embedder.
// node bin/tusker.js -hooks-plugin examples/hooks/module.js -hooks-enabled-events ''

/** @type {import('tusker').Hooks['preCreate']} */
export function preCreate(upload, request) {
  const user = request.header('x-user')
  if (user === null) return { reject: true, reply: { status: 401, body: 'who are you?\n' } }
  return { owner: user, metadata: new Map([...upload.metadata, ['uploader', user]]) }
}

/** @type {import('tusker').Hooks['postFinish']} */
export async function postFinish(upload, _request, { id, attempt }) {
  // What throws here is called again, with the same id
  console.log(`finished ${upload.id} of ${upload.owner}, event ${id}, attempt ${attempt}`)
}
