import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { Log } from '../core/log.ts'
import { Complaint } from './complaint.ts'

/** Where the certificate is, and what is spoken with it. A path that was not given is empty. */
export interface TlsFiles {
  readonly certificate: string
  readonly key: string
  readonly mode: TlsMode
}

export type TlsMode = 'tls12' | 'tls12-strong' | 'tls13'

/**
 * What the modes of tusd allow: forward secrecy and authenticated ciphers only. tls12-strong stops at TLS 1.2, as 1.3 always
 * offers a cipher of 128 bits.
 */
const MODES: Readonly<Record<TlsMode, SecureContextOptions>> = {
  tls12: {
    minVersion: 'TLSv1.2',
    honorCipherOrder: true,
    ciphers: [
      ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
      ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
      ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
      ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
    ].join(':'),
  },
  'tls12-strong': {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    honorCipherOrder: true,
    ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384',
  },
  tls13: { minVersion: 'TLSv1.3' },
}

/**
 * Reads certificate and key, and proves that they can be used together. Blocks, which a start and a reload may.
 * @throws Complaint that names the flag and says what to do
 */
export function readCertificate(files: TlsFiles, log: Log): SecureContextOptions {
  const missing = files.certificate === '' ? 'certificate' : files.key === '' ? 'key' : null
  if (missing !== null) {
    const given = missing === 'key' ? 'certificate' : 'key'
    throw new Complaint(`flag -tls-${given} is of no use alone: give -tls-${missing}, too`, 2)
  }
  const cert = readPem(files.certificate, 'certificate', /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/)
  const key = readPem(files.key, 'key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/)
  if (/ENCRYPTED/.test(key)) {
    throw new Complaint(`cannot use ${files.key}: the key has a passphrase; remove it (openssl pkey)`, 1)
  }
  const options = { ...MODES[files.mode], cert, key }
  try {
    createSecureContext(options)
    warnOfDates(files.certificate, cert, log)
  } catch (error) {
    throw new Complaint(`cannot use ${files.certificate} with ${files.key}: ${reasonOf(error)}`, 1, { cause: error })
  }
  return options
}

function readPem(path: string, what: 'certificate' | 'key', begin: RegExp): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Complaint(`cannot read -tls-${what}: ${reason}`, 1, { cause: error })
  }
  if (begin.test(text)) return text
  throw new Complaint(`cannot use ${path}: no ${what} in PEM is in it; choose another -tls-${what}`, 1)
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'ERR_OSSL_X509_KEY_VALUES_MISMATCH') return 'the key belongs to another certificate'
  return error instanceof Error ? error.message : String(error)
}

/** A certificate out of its time is served, as clients may be lenient or clocks wrong; but the operator should know. */
function warnOfDates(path: string, cert: string, log: Log): void {
  const { validFrom, validTo } = new X509Certificate(cert)
  const now = Date.now()
  if (now >= Date.parse(validFrom) && now <= Date.parse(validTo)) return
  const hint = 'clients will refuse it: renew it and send SIGHUP'
  log.warn('tls.certificate_out_of_date', { path, validFrom, validTo, hint })
}
