import { allOf, interleaved, median, type Plan, type Result } from '../measure.ts';
import { comparisonTable } from '../table.ts';
import { program, startBucket, type World } from '../world.ts';

/** The loop of parts against the SDK's own uploader: CPU for the same bytes, without the start of Node and SDK. */
export async function uploadPart(world: World, plan: Plan): Promise<void> {
  const bucket = await startBucket(world, 'discard');
  try {
    const { env, endpoint } = bucket;
    const megabytes = String(world.scale.uploadMegabytes);
    const way = (name: string, kind: string) => ({
      name,
      argv: program('upload', '--way', kind, '--to', bucket.url('u'), '--endpoint', endpoint, '--megabytes', megabytes),
      env,
    });
    const ways = [
      way('lib-storage Upload, defaults', 'library'),
      way('our loop of parts, 8 MiB × 2', 'parts'),
      way('our writer (hashes all of it too), 8 MiB × 2', 'writer'),
    ];
    const results = await interleaved(ways, { ...plan, servers: [bucket.pid] });
    world.print(comparisonTable(`Upload of ${megabytes} MiB`, results));
    const { library, ours } = allOf(results, ['library', 'ours']);
    const mine = sending(ours);
    const value = median(sending(library).map((base, round) => (mine[round] ?? Number.NaN) / base));
    world.figure({
      target: '#9',
      name: "upload: CPU per byte against lib-storage's",
      value,
      atLeast: false,
      goal: 0.45,
      floor: { quick: 0.75, small: 0.55, full: 0.52 },
    });
  } finally {
    await bucket.stop();
  }
}

function sending({ samples }: Result): number[] {
  return samples.map(({ said }) => Number(said.sendingCpuSeconds));
}
