import { describe } from 'vitest'
import { suiteOn } from './suite.ts'

describe("the store for S3 on Swift's s3api", () => {
  suiteOn('swift')
})
