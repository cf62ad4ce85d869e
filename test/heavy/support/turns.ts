const AT_ONCE = 32

/** Does something for each of a list, some at a time. */
export async function inTurns<T>(
  list: readonly T[],
  work: (one: T, index: number) => Promise<void>,
  atOnce = AT_ONCE,
): Promise<void> {
  const rest = list.entries()
  const turn = async (): Promise<void> => {
    for (const [index, one] of rest) await work(one, index)
  }
  await Promise.all(Array.from({ length: atOnce }, turn))
}
