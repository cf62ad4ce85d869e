import type { UrlStorage } from 'tus-js-client'

// Exported by the package in Node, but left out of its types.
declare module 'tus-js-client' {
  export class FileUrlStorage implements UrlStorage {
    constructor(path: string)
    findAllUploads: UrlStorage['findAllUploads']
    findUploadsByFingerprint: UrlStorage['findUploadsByFingerprint']
    removeUpload: UrlStorage['removeUpload']
    addUpload: UrlStorage['addUpload']
  }
  export interface UploadOptions {
    /** `tus-v1`, `ietf-draft-03` (interop version 5) or `ietf-draft-05` (6). */
    protocol?: string
  }
}
