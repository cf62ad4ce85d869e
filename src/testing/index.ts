export { type LockerSubject, lockerSuite } from './locker-suite.ts'
export type { SuiteRunner } from './runner.ts'
export { type Shortcuts, type StoreUnderTest, storeSuite } from './store-suite.ts'
