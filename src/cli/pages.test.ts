import { expect, test } from 'vitest'
import { configure } from './configure.ts'
import { checkPages } from './pages.ts'

test.each([
  [
    ['-metrics-path', '/files/metrics'],
    '"/files/metrics" for flag -metrics-path: it lies in -base-path /files/, where the uploads are',
  ],
  [['-metrics-path', 'files'], '"/files" for flag -metrics-path: it lies in -base-path /files/, where the uploads are'],
  [
    ['-metrics-path', '/', '-base-path', '/'],
    '"/" for flag -metrics-path: it lies in -base-path /, where the uploads are',
  ],
  [['-metrics-path', '/readyz'], '"/readyz" for flag -metrics-path: -expose-health answers there'],
  [['-metrics-path', '/a?b'], '"/a?b" for flag -metrics-path: not the plain path of a URL, such as /metrics'],
  [
    ['-expose-pprof', '-pprof-path', '/files/p'],
    '"/files/p/" for flag -pprof-path: it lies in -base-path /files/, where the uploads are',
  ],
])('%j is refused in one line', (args, line) => {
  expect(() => checkPages(configure(args, {}).settings)).toThrow(`invalid value ${line}`)
})

test.each([
  [[]],
  [['-base-path', '/']],
  [['-base-path', '/metrics/', '-expose-metrics=false']],
  [['-base-path', '/healthz/', '-expose-health=false']],
  [['-metrics-path', '/', '-expose-pprof', '-pprof-path', '/internal/%7Eprof']],
])('%j is taken', (args) => {
  expect(() => checkPages(configure(args, {}).settings)).not.toThrow()
})
