import { describe, expect, it } from 'vitest'
import { targetOf } from './address.ts'

describe('the address of a hook server', () => {
  it.each([
    ['localhost:8000', 'http://localhost:8000'],
    ['hooks.example:80', 'http://hooks.example'],
    ['hooks.example', 'http://hooks.example:443'],
    [':8000', 'http://localhost:8000'],
    ['127.0.0.1:8000', 'http://127.0.0.1:8000'],
    ['[::1]:8000', 'http://[::1]:8000'],
    ['::1', 'http://[::1]:443'],
    ['dns:hooks.example:8000', 'http://hooks.example:8000'],
    ['dns:///hooks.example:8000', 'http://hooks.example:8000'],
    ['passthrough:///hooks.example:8000', 'http://hooks.example:8000'],
    ['hooks_in_compose:8000', 'http://hooks_in_compose:8000'],
    ['unix:/run/hooks.sock', 'http://localhost'],
    ['unix:///run/hooks.sock', 'http://localhost'],
    ['unix:hooks.sock', 'http://localhost'],
    ['unix-abstract:hooks', 'http://localhost'],
  ])('%s is understood as tusd does', (address, origin) => {
    expect(targetOf(address, null).origin).toBe(origin)
  })

  it.each([
    '',
    'http://localhost:8000',
    'localhost:8000/path',
    'localhost:65536',
    'localhost:http',
    'dns://8.8.8.8/hooks.example:8000',
    'unix:',
    'unix://hooks.sock',
    'user@localhost:8000',
    'xds:///hooks',
  ])('%j is none', (address) => {
    expect(() => targetOf(address, null)).toThrow(TypeError)
  })
})
