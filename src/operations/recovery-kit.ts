import type { TenantTransaction } from '../catalog/catalog.ts';
import { getAnyDestination } from '../catalog/repositories/destinations.ts';
import { kitPlaces } from '../catalog/repositories/figures.ts';
import { recoveryKit } from '../pipeline/recovery-kit.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { look } from './change.ts';
import { storeUrl } from './destination-place.ts';
import type { Operation } from './operation.ts';

type Needs = Pick<Runtime, 'signer' | 'trusted' | 'engines' | 'now'>;

export const getRecoveryKit: Operation<
  'recoveryKit.get',
  'catalog' | 'signer' | 'trusted' | 'engines' | 'now'
> = async (runtime, asker) => ({ text: await look(runtime, asker, (trx) => recoveryKitOf(runtime, trx)) });

/** A page for each database at each destination that has a backup; without any, one with the keys alone. */
export async function recoveryKitOf(runtime: Needs, trx: TenantTransaction): Promise<string> {
  const { signer, trusted, engines } = runtime;
  const facts = { publicKeys: [...new Set([signer.publicKey, ...trusted])], at: runtime.now() };
  const pages: string[] = [];
  for (const place of await kitPlaces(trx)) {
    const destination = await getAnyDestination(trx, place.destination_id);
    const scheme = engines.find((engine) => engine.id === place.engine)?.schemes[0]?.replace(':', '') ?? place.engine;
    const { database, recipients } = place;
    if (destination !== undefined)
      pages.push(recoveryKit({ ...facts, storeUrl: storeUrl(destination), scheme, database, recipients }));
  }
  if (pages.length > 0) return pages.join('\n\f\n');
  return recoveryKit({
    ...facts,
    storeUrl: 's3://YOUR-BUCKET',
    scheme: 'postgres',
    database: 'DATABASE',
    recipients: [],
  });
}
