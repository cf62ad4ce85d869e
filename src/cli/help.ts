import { placeholder } from './arguments.ts'
import { FLAGS, type Flag, GROUPS } from './flags.ts'

const WIDTH = 90

/** The text of `--help`, printed from the table of flags. */
export function helpText(): string {
  const column = Math.max(...Object.entries(FLAGS).map(([name, flag]) => usage(name, flag).length)) + 4
  const entries = (rows: Readonly<Record<string, Flag>>) =>
    Object.entries(rows).flatMap(([name, flag]) => entry(usage(name, flag), words(flag), column))
  return [
    'tusker is a server for resumable uploads (tus 1.0 and the IETF draft). Without any flag it',
    'serves http://localhost:8080/files/ and keeps the uploads in ./data.',
    '',
    'Usage: tusker [flags]',
    '       tusker sign-url [flags] <url>, which prints a link to upload by; -help says more',
    ...Object.entries(GROUPS).flatMap(([group, rows]) => ['', `${group}:`, ...entries(rows)]),
    '',
    'A flag is written -name value, -name=value, or the same with two dashes; one that takes no',
    'value is switched off by -name=false. A <time> is written 500ms, 20s, 1m30s or 1.5h;',
    'a <size> 1048576, 64MiB or 2GB; a <mode> is octal.',
    '',
    'Every setting can also come from the environment (TUSKER_UPLOAD_DIR=/srv/uploads) and from',
    'the file of -config ({"port": 9000, "max-size": "5GiB"}). A flag goes over the environment,',
    'the environment over the file. tusker -print-config shows what holds.',
    '',
  ].join('\n')
}

function usage(name: string, flag: Flag): string {
  return `-${name} ${placeholder(flag)}`.trimEnd()
}

/** The words beside a flag. The default is one of them: it must not be broken over two lines. */
function words(flag: Flag): readonly string[] {
  const older = (flag.aliases ?? []).map((alias) => `(also -${alias})`)
  const silent = flag.default === '' || flag.default === 'false'
  // A list may be broken behind its commas
  const shown = flag.kind === 'list' ? flag.default.replaceAll(',', ', ').split(' ') : [flag.default]
  const [first = '', ...rest] = shown
  const [last = first, ...before] = [...rest].reverse()
  const told = rest.length === 0 ? [`(default ${first})`] : [`(default ${first}`, ...before.reverse(), `${last})`]
  return [...flag.help.split(' '), ...older, ...(silent ? [] : told)]
}

/** One flag: its usage, and beside it its words, wrapped. */
function entry(head: string, text: readonly string[], column: number): readonly string[] {
  const lines = ['']
  for (const word of text) {
    const line = lines.at(-1) ?? ''
    if (line === '') lines[lines.length - 1] = word
    else if (column + line.length + 1 + word.length > WIDTH) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.map((line, at) => `${at === 0 ? `  ${head}`.padEnd(column) : ' '.repeat(column)}${line}`)
}
