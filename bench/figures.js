// @ts-check
/** @typedef {import('./types.ts').Measurement} Measurement */
/** @typedef {{ readonly median: number, readonly min: number, readonly max: number }} Spread */
/** @typedef {(measurement: Measurement) => number} Figure */

/** CPU seconds for one unit of work. @type {Figure} */
export const cpuPerUnit = ({ cpu, amount }) => cpu / amount
/** Units of work in a second. @type {Figure} */
export const rate = ({ amount, seconds }) => amount / seconds
/** @type {Figure} */
export const peak = (measurement) => measurement.peak

/**
 * Median, lowest and highest; null of nothing.
 * @param {readonly number[]} values
 * @returns {Spread | null}
 */
export function spreadOf(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const [min, max] = [sorted.at(0), sorted.at(-1)]
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  if (min === undefined || max === undefined || low === undefined || high === undefined) return null
  return { median: (low + high) / 2, min, max }
}

/**
 * How many times one peer's figure is of another's, round by round: neighbours in time are compared.
 * @param {readonly Measurement[]} ours
 * @param {readonly Measurement[]} theirs
 * @param {Figure} figure
 */
export function ratioOf(ours, theirs, figure) {
  const pairs = ours.flatMap((our) => {
    const their = theirs.find((one) => one.round === our.round)
    // A figure too small for the clock of the kernel has no ratio
    return their === undefined || figure(their) === 0 ? [] : [figure(our) / figure(their)]
  })
  return spreadOf(pairs)
}
