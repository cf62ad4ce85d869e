import { describe } from 'vitest'
import { suiteOn } from './suite.ts'

describe("the store for S3 on Ceph's gateway", () => {
  suiteOn('ceph')
})
