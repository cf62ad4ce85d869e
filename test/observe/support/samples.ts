/** The samples of a text of metrics, by name and labels as they are written. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

/** By how much samples have changed; those that have not are left out. */
export function changes(before: string, after: string): Readonly<Record<string, number>> {
  const old = samplesOf(before)
  const changed = [...samplesOf(after)]
    .map(([name, value]) => [name, value - (old.get(name) ?? 0)] as const)
    .filter(([name, change]) => change !== 0 && /^tus/.test(name) && !/_bucket|_sum|event_loop/.test(name))
  return Object.fromEntries(changed)
}

/** Families of a text of metrics: their names and types. */
export function familiesIn(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]))
}
