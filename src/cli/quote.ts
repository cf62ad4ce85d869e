/** Line and paragraph separators, C1 controls, and marks that turn the direction of writing: JSON leaves them alone. */
const STEERING = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** `text` as it is if it is one plain word, or else as a JSON string: nothing in it can end a line or steer a terminal. */
export function quote(text: string): string {
  return /^[\w./:@%+,~-]+$/.test(text) ? text : escapeJson(JSON.stringify(text))
}

/** The same JSON, without characters that steer a terminal. */
export function escapeJson(json: string): string {
  return json.replace(STEERING, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
