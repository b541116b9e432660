import { makeClient } from '../../src/contract/client.ts';
import { readConfig } from '../../src/runtime/config.ts';
import { forgetLogin, keepLogin, loginFile } from '../login-file.ts';
import { type Outcome, openScreen, type Screen } from '../screen.ts';
import { readSecret } from '../secret-argument.ts';
import { checked, findService } from '../service-address.ts';
import { ServiceOptions } from '../service-options.ts';
import type { Work } from '../tree/service-command.ts';

/** `dbdump login`: keeps an API key for the service, once the service has taken it. */
export const signIn: Work = (_given, options) => {
  const given = ServiceOptions.parse(options);
  return alone(given, async (screen) => {
    const config = readConfig();
    const key = await readSecret({ source: given.apiKey ?? '-', what: 'API key', warn: screen.warn });
    screen.hide(key);
    const { server } = await findService({ server: given.server, key, dataDir: given.dataDir, config });
    const baseUrl = checked(server);
    const me = await makeClient({ baseUrl, bearer: key }).call('me.get');
    const file = await keepLogin(config.configFolder, { server: baseUrl, key });
    const { member, tenant } = me;
    return {
      document: { server: baseUrl, member, tenant, file },
      summary: [`✔ signed in  ${member.name}, ${member.role} of ${tenant.name} at ${baseUrl}; kept in ${file}`],
    };
  });
};

/** `dbdump logout` */
export const signOut: Work = (_given, options) =>
  alone(ServiceOptions.parse(options), async () => {
    const { configFolder } = readConfig();
    const there = await forgetLogin(configFolder);
    const line = there
      ? `✔ signed out ${loginFile(configFolder)} is gone; the key itself is good until it is revoked`
      : 'Nobody was signed in.';
    return { document: { signedOut: there }, summary: [line] };
  });

/** For what needs nobody to be signed in. */
async function alone(options: ServiceOptions, work: (screen: Screen) => Promise<Outcome>): Promise<void> {
  const screen = openScreen({ ...options, colours: readConfig().colours });
  try {
    process.exitCode = screen.finish(await work(screen));
  } catch (error) {
    process.exitCode = screen.refuse(error);
  }
}
