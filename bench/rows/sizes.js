// @ts-check
export const KIB = 1 << 10
export const MIB = 1 << 20
export const GIB = 1 << 30

/** @param {number} bytes */
export function sizeText(bytes) {
  if (bytes % GIB === 0) return `${bytes / GIB} GiB`
  return bytes % MIB === 0 ? `${bytes / MIB} MiB` : `${bytes / KIB} KiB`
}
