import { describe, expect, it } from 'vitest'
import { request } from '../../../test/hooks/support/calls.ts'
import { publicUri } from '../../core/secrets.ts'
import { hideSecrets } from './secrets.ts'

describe('the URI that a hook is told', () => {
  it.each([
    ['/files/', '/files/'],
    ['/files/?', '/files/?'],
    ['/files/?q=%20&r', '/files/?q=%20&r'],
    ['/files/?access_token=abc', '/files/?access_token=REDACTED'],
    ['/files/?a=1&access_token=abc&b=?x', '/files/?a=1&access_token=REDACTED&b=?x'],
    ['/files/?access_token=a&access_token=b', '/files/?access_token=REDACTED&access_token=REDACTED'],
    ['/files/?access%5Ftoken=abc', '/files/?access%5Ftoken=REDACTED'],
    ['/files/?access_token=a=b', '/files/?access_token=REDACTED'],
    ['/files/?access_token', '/files/?access_token=REDACTED'],
    ['/files/?my_access_token=abc', '/files/?my_access_token=abc'],
    ['/access_token=abc', '/access_token=abc'],
  ])('%s is told as %s', (uri, told) => {
    expect(publicUri(uri)).toBe(told)
  })
})

describe('what a hook says about its failure', () => {
  it.each([
    ['the database is down', 'the database is down'],
    ['Bearer a.token.of.somebody is not valid', 'REDACTED is not valid'],
    ['not valid: a.token.of.somebody', 'not valid: REDACTED'],
    ['s3cr3t-t0k3n', 'REDACTED'],
    ['forwarded-secret', 'REDACTED'],
    ['one\nline\r\n\tat most', 'one line at most'],
    ['x'.repeat(1000), 'x'.repeat(200)],
  ])('%j is logged as %j', (text, told) => {
    expect(hideSecrets(text, request, ['forwarded-secret', 'a'])).toBe(told)
  })
})
