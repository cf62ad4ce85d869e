/** What a suite needs of a test framework: `describe` and `it` of vitest, node:test, mocha, jest and their like. */
export interface SuiteRunner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: (name: string, body: () => Promise<void>) => unknown
}
