/**
 * What the operator did or must do, as one line for stderr; the process ends with `exitCode`: 2 for a command line that
 * cannot be understood (as Go's flag package, and so tusd, has it), 1 for a start that failed.
 */
export class Complaint extends Error {
  override readonly name = 'Complaint'
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
