import type { Defence } from './defence.ts';

const ISOLATION = 'test/catalog/isolation.test.ts';

/** What keeps tenants apart and the audit chain whole. */
export const catalogDefences: readonly Defence[] = [
  {
    fault: 'F92',
    what: 'a role that row security does not bind is not started with',
    file: 'src/catalog/roles.ts',
    remove: "WHEN rolbypassrls THEN 'bypasses row security'",
    put: '',
    test: ISOLATION,
  },
  {
    fault: 'F92',
    what: 'a table that lies open is not started with',
    file: 'src/catalog/roles.ts',
    remove: 'if (bare.rows.length > 0)',
    put: 'if (bare.rows.length < 0)',
    test: ISOLATION,
  },
  {
    fault: 'F94',
    what: 'row security binds the owner of the tables, too',
    file: 'src/catalog/migrations/0001-foundation.ts',
    remove: 'FORCE ROW LEVEL SECURITY`',
    put: 'ENABLE ROW LEVEL SECURITY`',
    test: ISOLATION,
  },
  {
    fault: 'F99',
    what: 'a pattern has a length',
    file: 'src/domain/time.ts',
    remove: 'pattern.length > LONGEST_PATTERN || ',
    put: '',
    test: 'test/domain/time.test.ts',
  },
  {
    fault: 'F101',
    what: 'rows of the audit chain are never changed',
    file: 'src/catalog/migrations/0001-foundation.ts',
    remove: 'BEFORE UPDATE OR DELETE ON audit_events',
    put: 'BEFORE DELETE ON audit_events',
    test: ISOLATION,
  },
  {
    fault: 'F101',
    what: 'each event holds on to the one before',
    file: 'src/domain/audit.ts',
    remove: 'previousHash === previous && hash === chainHash(previous, facts)',
    put: 'hash === chainHash(previousHash, facts)',
    test: 'test/domain/audit.test.ts',
  },
];
