export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {},
  injectGlobals: false,
  coverageProvider: 'v8',
  testTimeout: 60_000,
};
