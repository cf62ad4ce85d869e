import type { Labels, Sample } from './text.ts'

/** Values that the quantiles are taken from: the last so many. */
const WINDOW = 500

const QUANTILES = [0.5, 0.9, 0.99]

/** Quantiles of the latest values, as tusd shows them. They cannot be added up over processes; a histogram can. */
export class Summary {
  readonly #latest: number[] = []
  #next = 0
  #count = 0
  #sum = 0

  observe(value: number): void {
    this.#latest[this.#next] = value
    this.#next = (this.#next + 1) % WINDOW
    this.#count += 1
    this.#sum += value
  }

  samples(labels: Labels): readonly Sample[] {
    const sorted = this.#latest.toSorted((one, other) => one - other)
    const quantiles = QUANTILES.map((quantile) => ({
      labels: { ...labels, quantile: String(quantile) },
      value: sorted[Math.ceil(quantile * sorted.length) - 1] ?? Number.NaN,
    }))
    return [
      ...quantiles,
      { suffix: '_sum', labels, value: this.#sum },
      { suffix: '_count', labels, value: this.#count },
    ]
  }
}
