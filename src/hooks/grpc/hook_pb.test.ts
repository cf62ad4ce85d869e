import { loadSync } from '@grpc/proto-loader'
import { expect, it } from 'vitest'
import { file_hook } from './hook_pb.ts'

/** Fields of all messages: `FileInfo.owner = 100`. The entries of maps are messages, too, but not to whoever reads the file. */
it('hook_pb.ts has the fields of hook.proto (npm run proto)', () => {
  const generated = file_hook.messages.flatMap(({ name, fields }) =>
    fields.map((field) => `${name}.${field.name} = ${field.number}`),
  )
  const written = Object.entries(loadSync('src/hooks/hook.proto', { keepCase: true })).flatMap(([path, definition]) =>
    'type' in definition ? fieldsOf(path.replace('proto.', ''), definition.type) : [],
  )
  expect(generated.toSorted()).toEqual(written.toSorted())
  expect(generated).toContain('FileInfo.owner = 100')
})

function fieldsOf(message: string, type: object): string[] {
  const { field }: { field?: { name: string; number: number }[] } = type
  return (field ?? []).map(({ name, number }) => `${message}.${name} = ${number}`)
}
