import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Check, clientFor, type Stage } from './s3-check.ts';
import { ACCESS_CHECKS } from './s3-checks-access.ts';
import { CONDITION_CHECKS } from './s3-checks-conditions.ts';
import { MULTIPART_CHECKS } from './s3-checks-multipart.ts';
import { OBJECT_CHECKS } from './s3-checks-objects.ts';
import { VERSION_CHECKS } from './s3-checks-versions.ts';
import type { AccessKey } from './s3-server/identity.ts';
import { startS3Server } from './s3-server/s3-server.ts';
import { hasVersitygw, startVersitygw, VERSITYGW_INSTALL } from './versitygw.ts';

interface Server {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AccessKey;
  close(): Promise<void>;
}

const CHECKS: readonly Check[] = [
  ...OBJECT_CHECKS,
  ...CONDITION_CHECKS,
  ...ACCESS_CHECKS,
  ...MULTIPART_CHECKS,
  ...VERSION_CHECKS,
];

async function setStage(server: Server): Promise<Stage> {
  const stage = {
    ...server,
    client: clientFor(server),
    plain: 'plain-bucket',
    versioned: 'versioned-bucket',
    locked: 'locked-bucket',
  };
  await stage.client.send(new CreateBucketCommand({ Bucket: stage.plain }));
  await stage.client.send(new CreateBucketCommand({ Bucket: stage.versioned }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await stage.client.send(new PutBucketVersioningCommand({ Bucket: stage.versioned, VersioningConfiguration }));
  await stage.client.send(new CreateBucketCommand({ Bucket: stage.locked, ObjectLockEnabledForBucket: true }));
  return stage;
}

function runChecks(start: () => Promise<Server>, run: (check: Check, stage: Stage) => Promise<void>): void {
  let server: Server;
  let stage: Stage;
  beforeAll(async () => {
    server = await start();
    stage = await setStage(server);
  });
  afterAll(async () => {
    stage?.client.destroy();
    await server?.close();
  });
  it.each(CHECKS.map((check) => [check.name, check] as const))('%s', (_, check) => run(check, stage));
}

describe('our S3 server', () => {
  runChecks(
    () => startS3Server({ buckets: [] }),
    ({ run }, stage) => run(stage),
  );
});

function againstVersitygw(): void {
  // A deviation that has gone is a failure too: the list must not outlive its reasons.
  runChecks(startVersitygw, async ({ run, versitygw }, stage) => {
    if (versitygw === undefined) await run(stage);
    else await expect(run(stage)).rejects.toThrow();
  });
}

if (hasVersitygw()) describe('versitygw, a real S3 server', againstVersitygw);
else if (process.env.CI === 'true') throw new Error(`versitygw is missing: ${VERSITYGW_INSTALL}`);
else {
  console.log(`skipped: our S3 server beside versitygw: ${VERSITYGW_INSTALL}`);
  describe.skip('versitygw, a real S3 server', againstVersitygw);
}
