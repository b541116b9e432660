import { createServer } from 'node:net';

/**
 * A port of this machine that nobody listened on a moment ago, the wanted one where that is so; another program may take it
 * before its server does.
 */
export async function freePort(wanted?: number): Promise<number> {
  if (wanted === undefined) return tryPort(0);
  return tryPort(wanted).catch(() => tryPort(0));
}

async function tryPort(port: number): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => probe.once('error', reject).listen(port, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
