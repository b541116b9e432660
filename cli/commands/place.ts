import { fileURLToPath } from 'node:url';
import { Failure } from '../../src/domain/failure.ts';

/** Where a destination is, as its address says; what may be done there is said by roles, beside it. */
export type Place =
  | { readonly kind: 'filesystem'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly region: string;
      readonly endpoint: string | undefined;
      readonly pathStyle: boolean;
    };

const PARAMETERS = ['region', 'endpoint', 'path-style'];
const USUAL_REGION = 'us-east-1';

export function placeOf(text: string): Place {
  const url = URL.parse(text);
  if (url?.protocol === 'file:' && url.host === '') return { kind: 'filesystem', path: fileURLToPath(url) };
  if (url?.protocol !== 's3:' || url.host === '') throw refused('The place is neither a bucket nor a folder.');
  if (url.username !== '' || url.password !== '')
    throw refused('Credentials do not belong in the address of a bucket.');
  const strange = [...url.searchParams.keys()].find((name) => !PARAMETERS.includes(name));
  if (strange !== undefined) throw refused(`The place has a parameter ${JSON.stringify(strange.slice(0, 40))}.`);
  return {
    kind: 's3',
    bucket: url.host,
    prefix: decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, ''),
    region: url.searchParams.get('region') ?? USUAL_REGION,
    endpoint: url.searchParams.get('endpoint') ?? undefined,
    pathStyle: url.searchParams.get('path-style') === 'true',
  };
}

function refused(cause: string): Failure {
  return new Failure('usage', cause, {
    remedy: 'Write s3://BUCKET/PREFIX?region=…&endpoint=…&path-style=true, or file:///FOLDER',
  });
}
