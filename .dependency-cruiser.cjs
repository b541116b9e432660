/*
 * Who may import whom: docs/architecture.md, section 3. Every rule is planted and seen reported in
 * test/architecture.test.ts. A rule names the only rooms a folder may know; what it may not is all the rest.
 */
const OURS = '^(src|bin|lib|lambdas|tasks|local|cli|console|scripts|bench|test)/';
const FIRST_FILES =
  '^src/(engines/engine|storage/storage|catalog/(catalog|repositories/[^/]+)|platform/platform)\\.ts$';
const PURE_LIBRARIES = 'node_modules/(zod|croner|cronstrue|ipaddr\\.js)/';

/** `from` may import of ours only what matches one of `allowed` (and itself). */
function only(name, { from, except }, allowed) {
  return {
    name,
    severity: 'error',
    comment: `${from} may know of ours only: ${allowed.join(' ') || 'nothing'}`,
    from: except === undefined ? { path: from } : { path: from, pathNot: except },
    to: { path: OURS, pathNot: [from, ...allowed] },
  };
}

/** `path` may be imported, or used, only from the folders in `allowed`. */
function nowhereBut(name, path, allowed) {
  return {
    name,
    severity: 'error',
    from: { path: OURS, pathNot: [...allowed, '^(test|bench|scripts)/'] },
    to: { path },
  };
}

/** A room of many kinds: a kind knows its own folder and what lies open in the room, never a sibling or the registry. */
function kinds(room) {
  return {
    name: `${room}-kind-knows-no-sibling`,
    severity: 'error',
    from: { path: `^src/${room}/([^/]+)/` },
    to: {
      path: OURS,
      pathNot: [`^src/${room}/$1/`, `^src/${room}/(?!registry)[^/]+\\.ts$`, '^src/domain/', '^src/process/'],
    },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-circle',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-undeclared-library',
      severity: 'error',
      from: { path: '^(src|local|cli|tasks|lambdas)/' },
      // Types are gone before anything runs.
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        pathNot: '^node_modules/@types/',
      },
    },
    only('domain-knows-nobody', { from: '^src/domain/' }, []),
    {
      name: 'domain-uses-pure-libraries-only',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: {
        dependencyTypesNot: ['local', 'type-only'],
        pathNot: [
          PURE_LIBRARIES,
          '^src/domain/',
          '^node:(crypto|util|path|url|buffer)$',
          '^(crypto|util|path|url|buffer)$',
        ],
      },
    },
    only('contract-knows-domain', { from: '^src/contract/' }, ['^src/domain/']),
    only('process-knows-domain', { from: '^src/process/' }, ['^src/domain/']),
    only('pipeline-knows-rooms-by-their-first-file', { from: '^src/pipeline/' }, [
      '^src/domain/',
      '^src/process/',
      '^src/engines/engine\\.ts$',
      '^src/storage/storage\\.ts$',
    ]),
    kinds('engines'),
    kinds('storage'),
    kinds('platform'),
    {
      name: 'room-knows-its-kinds-only',
      severity: 'error',
      from: { path: '^src/(engines|storage|platform)/[^/]+\\.ts$' },
      to: { path: OURS, pathNot: ['^src/$1/', '^src/domain/', '^src/process/'] },
    },
    only('catalog-knows-domain', { from: '^src/catalog/' }, ['^src/domain/']),
    only('operations-know-first-files', { from: '^src/operations/' }, [
      '^src/domain/',
      '^src/contract/',
      '^src/pipeline/',
      FIRST_FILES,
      '^src/runtime/runtime\\.ts$',
    ]),
    only('workflows-know-first-files', { from: '^src/workflows/' }, [
      '^src/domain/',
      '^src/contract/',
      '^src/pipeline/',
      FIRST_FILES,
      '^src/runtime/runtime\\.ts$',
    ]),
    only('runtime-knows-src', { from: '^src/runtime/' }, ['^src/']),
    nowhereBut('only-doors-know-runtime', '^src/runtime/(?!runtime\\.ts$|config\\.ts$)', [
      '^src/runtime/',
      '^(lambdas|tasks|local)/',
      '^cli/(rescue|doctor)',
    ]),
    only('console-knows-contract', { from: '^console/' }, ['^src/contract/']),
    only('cli-knows-contract-domain-and-tools', { from: '^cli/', except: '^cli/(rescue|doctor)' }, [
      '^src/contract/',
      '^src/domain/',
      '^src/process/(tools|compiled)\\.ts$',
      '^src/runtime/config\\.ts$',
    ]),
    only('rescue-knows-its-runtime', { from: '^cli/(rescue|doctor)' }, [
      '^cli/',
      '^src/contract/',
      '^src/domain/',
      '^src/process/(tools|compiled)\\.ts$',
      '^src/runtime/',
      '^src/pipeline/',
    ]),
    only('doors-go-through-runtime', { from: '^(lambdas|tasks|local)/' }, [
      '^(lambdas|tasks|local)/',
      '^src/(runtime|contract|operations|workflows|domain)/',
    ]),
    only('lib-knows-names-only', { from: '^lib/' }, [
      '^src/engines/registry\\.ts$',
      '^src/workflows/[^/]+/definition\\.ts$',
      '^src/workflows/state-machine\\.ts$',
      '^src/runtime/config\\.ts$',
      '^src/contract/routes\\.ts$',
      '^src/domain/',
    ]),
    only('bin-knows-lib', { from: '^bin/' }, ['^lib/']),
    nowhereBut('registry-only-where-chosen', '^src/(engines|storage)/registry\\.ts$', ['^src/runtime/', '^lib/']),
    nowhereBut('spawn-only-in-process', '^(node:)?child_process$', ['^src/process/', '^cli/dbdump\\.js$']),
    nowhereBut('aws-sdk-only-in-its-adapters', 'node_modules/(@aws-sdk|@smithy)/', [
      '^src/platform/aws/',
      '^src/storage/s3/',
    ]),
    nowhereBut('sql-driver-only-in-catalog-and-engines', 'node_modules/(pg|mysql2|mongodb|kysely)/', [
      '^src/catalog/',
      '^src/engines/(postgres|mysql|mongodb)/',
    ]),
    nowhereBut('cdk-only-in-lib', 'node_modules/(aws-cdk-lib|constructs)/', ['^(bin|lib)/']),
    nowhereBut('react-only-in-console', 'node_modules/(react|react-dom)/', ['^console/']),
    nowhereBut('middy-only-in-lambdas', 'node_modules/@middy/', ['^lambdas/']),
    {
      name: 'nobody-knows-tests-or-scripts',
      severity: 'error',
      from: { path: '^(src|bin|lib|lambdas|tasks|local|cli|console)/' },
      to: { path: '^(test|bench|scripts)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage|reports|\\.stryker-tmp|\\.database-dump)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.js', '.cjs', '.mjs', '.d.ts'],
    },
  },
};
