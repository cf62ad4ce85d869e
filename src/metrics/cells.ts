import type { Family, Labels, Sample } from './text.ts'

/** What a family is called, and what it says. */
interface Title {
  readonly name: string
  readonly help: string
}

/** Numbers that only grow, one for each combination of values of its labels. Whoever adds sees to it that these are few. */
export class Counter implements Family {
  readonly type = 'counter'
  readonly name: string
  readonly help: string
  readonly #labels: readonly string[]
  readonly #counts = new Map<string, { readonly labels: Labels; value: number }>()

  /** @param preset combinations that are shown with 0 before anything was added */
  constructor({ name, help }: Title, labels: readonly string[] = [], preset: readonly (readonly string[])[] = []) {
    this.name = name
    this.help = help
    this.#labels = labels
    for (const values of labels.length === 0 ? [[]] : preset) this.add(0, ...values)
  }

  /** @param values of the labels, in their order */
  add(amount: number, ...values: readonly string[]): void {
    const key = values.join('\0')
    const count = this.#counts.get(key)
    if (count !== undefined) {
      count.value += amount
      return
    }
    const labels = Object.fromEntries(this.#labels.map((label, at) => [label, values[at] ?? '']))
    this.#counts.set(key, { labels, value: amount })
  }

  readonly samples = (): readonly Sample[] => [...this.#counts.values()]

  /** The sum over all values of the labels. */
  get total(): number {
    let total = 0
    for (const { value } of this.#counts.values()) total += value
    return total
  }
}

/** Seconds of what is over in a moment, and of what takes as long as a client takes. */
export const QUICK = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]
export const LONG = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200]

/** How often values fell into which range. */
export class Histogram {
  readonly #bounds: readonly number[]
  /** One more than bounds: what is beyond them all. Not cumulative; that is done when they are read. */
  readonly #counts: number[]
  #sum = 0

  /** @param bounds upper ends of the ranges, included, growing */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    let at = 0
    while (at < this.#bounds.length && value > (this.#bounds[at] ?? 0)) at++
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#sum += value
  }

  samples(labels: Labels): readonly Sample[] {
    const ends = [...this.#bounds.map(String), '+Inf']
    let count = 0
    const buckets = ends.map((le, at) => {
      count += this.#counts[at] ?? 0
      return { suffix: '_bucket', labels: { ...labels, le }, value: count }
    })
    return [...buckets, { suffix: '_sum', labels, value: this.#sum }, { suffix: '_count', labels, value: count }]
  }
}

/** A family of histograms with one label, or of one without any. */
export function histograms(title: Title, label: string | null, cells: Readonly<Record<string, Histogram>>): Family {
  const labelsOf = (value: string): Labels => (label === null ? {} : { [label]: value })
  return {
    ...title,
    type: 'histogram',
    samples: () => Object.entries(cells).flatMap(([value, cell]) => cell.samples(labelsOf(value))),
  }
}

/** Numbers that are asked for when somebody wants to see them. */
export function gauge(title: Title, ask: () => readonly Sample[]): Family {
  return { ...title, type: 'gauge', samples: ask }
}
