export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {},
  injectGlobals: false,
  coverageProvider: 'v8',
  testTimeout: 60_000,
  // Half of what a suite does is waiting for a server of its own.
  maxWorkers: 2,
};
