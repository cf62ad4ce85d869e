/** A name of the DOM in the types of structured-headers. */
type BufferSource = ArrayBufferView | ArrayBuffer
