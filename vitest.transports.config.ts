import { defineConfig } from 'vitest/config'

/** The transcripts of the protocol again, over TLS with HTTP/2, HTTP/2 without TLS, and a Unix socket. */
export default defineConfig({
  test: {
    include: ['test/tus/**/*.test.ts'],
    // Bytes by hand on a connection for HTTP/1.1, which other doors cannot be given; they run in the ordinary suite
    exclude: ['checksum-trailer', 'framing', 'keep-alive', 'rows'].map((name) => `test/tus/${name}.test.ts`),
    env: { TUSKER_DOORS: 'transports' },
    testTimeout: 180_000,
    hookTimeout: 180_000,
    isolate: false,
    maxWorkers: '100%',
  },
})
