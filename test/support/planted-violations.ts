/** One file that breaks one import rule of .dependency-cruiser.cjs: from here, to there. */
export interface Plant {
  readonly rule: string;
  readonly from: string;
  /** A file of ours, `node:…`, or a package name. */
  readonly to: string;
  /** Installed, but for development only. */
  readonly development?: boolean;
  /** The imported file imports the importing one. */
  readonly back?: boolean;
}

/** At least one for each rule. */
export const PLANTS: readonly Plant[] = [
  { rule: 'no-circle', from: 'src/domain/circle-a.ts', to: 'src/domain/circle-b.ts', back: true },
  { rule: 'no-undeclared-library', from: 'src/storage/a/undeclared.ts', to: 'left-out' },
  { rule: 'no-undeclared-library', from: 'src/storage/a/development.ts', to: 'jest', development: true },
  { rule: 'domain-knows-nobody', from: 'src/domain/curious.ts', to: 'src/process/run.ts' },
  { rule: 'domain-uses-pure-libraries-only', from: 'src/domain/heavy.ts', to: 'commander' },
  { rule: 'domain-uses-pure-libraries-only', from: 'src/domain/reading.ts', to: 'node:fs' },
  { rule: 'contract-knows-domain', from: 'src/contract/routes-b.ts', to: 'src/process/run.ts' },
  { rule: 'process-knows-domain', from: 'src/process/curious.ts', to: 'src/storage/storage.ts' },
  { rule: 'pipeline-knows-rooms-by-their-first-file', from: 'src/pipeline/curious.ts', to: 'src/storage/a/index.ts' },
  { rule: 'engines-kind-knows-no-sibling', from: 'src/engines/one/index.ts', to: 'src/engines/two/index.ts' },
  { rule: 'engines-kind-knows-no-sibling', from: 'src/engines/one/list.ts', to: 'src/engines/registry.ts' },
  { rule: 'storage-kind-knows-no-sibling', from: 'src/storage/b/index.ts', to: 'src/storage/a/index.ts' },
  { rule: 'platform-kind-knows-no-sibling', from: 'src/platform/one/index.ts', to: 'src/platform/two/index.ts' },
  { rule: 'room-knows-its-kinds-only', from: 'src/storage/curious.ts', to: 'src/engines/engine.ts' },
  { rule: 'catalog-knows-domain', from: 'src/catalog/curious.ts', to: 'src/process/run.ts' },
  { rule: 'operations-know-first-files', from: 'src/operations/curious.ts', to: 'src/storage/a/index.ts' },
  { rule: 'workflows-know-first-files', from: 'src/workflows/backup/steps.ts', to: 'src/engines/two/index.ts' },
  { rule: 'runtime-knows-src', from: 'src/runtime/curious.ts', to: 'local/main.ts' },
  { rule: 'only-doors-know-runtime', from: 'src/storage/a/wired.ts', to: 'src/runtime/local.ts' },
  { rule: 'console-knows-contract', from: 'console/app.ts', to: 'src/domain/failure.ts' },
  { rule: 'cli-knows-contract-domain-and-tools', from: 'cli/curious.ts', to: 'src/storage/a/index.ts' },
  { rule: 'rescue-knows-its-runtime', from: 'cli/rescue-curious.ts', to: 'src/storage/a/index.ts' },
  { rule: 'doors-go-through-runtime', from: 'local/curious.ts', to: 'src/storage/a/index.ts' },
  { rule: 'lib-knows-names-only', from: 'lib/curious.ts', to: 'src/process/run.ts' },
  { rule: 'bin-knows-lib', from: 'bin/app.ts', to: 'src/domain/failure.ts' },
  { rule: 'registry-only-where-chosen', from: 'src/pipeline/choosing.ts', to: 'src/storage/registry.ts' },
  { rule: 'spawn-only-in-process', from: 'src/pipeline/spawning.ts', to: 'node:child_process' },
  { rule: 'spawn-only-in-process', from: 'cli/spawning.ts', to: 'node:child_process' },
  { rule: 'aws-sdk-only-in-its-adapters', from: 'src/pipeline/uploading.ts', to: '@aws-sdk/client-s3' },
  { rule: 'sql-driver-only-in-catalog-and-engines', from: 'src/pipeline/querying.ts', to: 'pg' },
  { rule: 'cdk-only-in-lib', from: 'src/runtime/stack.ts', to: 'aws-cdk-lib' },
  { rule: 'react-only-in-console', from: 'cli/react.ts', to: 'react' },
  { rule: 'middy-only-in-lambdas', from: 'local/middy.ts', to: '@middy/core' },
  { rule: 'nobody-knows-tests-or-scripts', from: 'src/storage/a/testing.ts', to: 'test/support/fake.ts' },
];
