// Hooks that do what most do at least: look at the metadata and say yes.

/** @param {{ readonly metadata: ReadonlyMap<string, string | null> }} upload */
export async function preCreate(upload) {
  return upload.metadata.has('forbidden') ? { reject: true } : null
}

export async function postFinish() {}
