#!/usr/bin/env node
import { existsSync } from 'node:fs'

const program = new URL('../dist/cli/main.js', import.meta.url)
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`tusker: this is Node.js ${process.versions.node}, but 20.19 or newer is needed`)
  process.exitCode = 1
} else if (!existsSync(program)) {
  console.error('tusker: not built yet; run "npm start", or "npm run build" first')
  process.exitCode = 1
} else {
  const { main } = await import(program.href)
  await main(process.argv.slice(2), process.env)
}
