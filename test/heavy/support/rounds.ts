/**
 * How often a test with random events repeats them: `few` times, enough to see a fault that is not rare; and `many` times with
 * TEST_ROUNDS=many, for those who changed what it proves.
 */
export function rounds(few: number, many: number): number {
  return process.env['TEST_ROUNDS'] === 'many' ? many : few
}
