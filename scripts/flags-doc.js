// Writes docs/flags.md from the table of flags, as it was built; with --stdout, prints it instead.
import { writeFileSync } from 'node:fs'

const { placeholder } = await import('../dist/cli/arguments.js')
const { variableOf } = await import('../dist/cli/environment.js')
const { GROUPS, OURS, TUSD_ONLY } = await import('../dist/cli/flags.js')
const { COMMANDS } = await import('../dist/cli/names.js')

const code = (text) => (text === '' ? '' : `\`${text}\``)
// A pipe would end the cell, even in code
const cell = (text) => text.replaceAll('|', '\\|')

function table([heading, flags]) {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const older = (flag.aliases ?? []).map((alias) => ` (also \`-${alias}\`)`).join('')
    const variable = COMMANDS.includes(name) && name !== 'config' ? '' : code(variableOf(name))
    const cells = [
      code(`-${name} ${placeholder(flag)}`.trimEnd()) + older,
      code(flag.default),
      variable,
      // Angle brackets and asterisks mean something in Markdown
      flag.help.replaceAll(/[<>*]/g, '\\$&'),
      OURS.includes(name) ? '' : 'yes',
    ]
    return `| ${cells.map(cell).join(' | ')} |`
  })
  return [
    `## ${heading}`,
    '',
    '| flag | default | variable | meaning | tusd |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ]
}

const text = `# Flags

<!-- Made from src/cli/flags by: npm run build && node scripts/flags-doc.js -->

A flag is written \`-name value\`, \`-name=value\`, or the same with two dashes; one that takes no value is switched off by
\`-name=false\`. A time is written \`500ms\`, \`20s\`, \`1m30s\` or \`1.5h\`; a size \`1048576\`, \`64MiB\` or \`2GB\`; a mode is octal. Words of a
list stand between commas.

Every setting can also come from the environment, by the variable in the table, and from a JSON file that \`-config\` or \`TUSKER_CONFIG\`
names, by the names of the flags:

\`\`\`json
{
  "port": 9000,
  "max-size": "5GiB",
  "cors-allow-headers": ["X-Request-Id", "X-Tenant"],
  "disable-download": true
}
\`\`\`

**A flag goes over a variable, a variable over the file, the file over the default.** \`tusker -print-config\` prints every
setting and where it comes from, and starts nothing. Relative paths, in the file as well, begin at the working directory. What is
misspelt or invalid, in whichever place, ends the start with one line and exit code 2; so does any variable that begins with \`TUSKER_\`
and is no setting, but for those that Kubernetes sets beside a service of that name.

The last column says which flags tusd has: those have its names, and its defaults.

${Object.entries(GROUPS).flatMap(table).join('\n')}
## Flags of tusd that this version does not support

They are refused, not ignored: ${TUSD_ONLY.map((name) => `\`-${name}\``).join(', ')}.
`

if (process.argv.includes('--stdout')) process.stdout.write(text)
else writeFileSync(new URL('../docs/flags.md', import.meta.url), text)
