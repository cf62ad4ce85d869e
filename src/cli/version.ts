import { readFileSync } from 'node:fs'

/** This package's version and what runs it: `tusker 1.2.3 (Node.js 20.19.0, linux x64)`. */
export function versionLine(): string {
  const { version, platform, arch } = process
  return `tusker ${packageVersion()} (Node.js ${version.slice(1)}, ${platform} ${arch})`
}

/** This package's version, from package.json, two folders up from `src/cli` and from `dist/cli` alike. */
export function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version)
  throw new Error('package.json without a version')
}
