import { describe, expect, it } from '@jest/globals';
import { readWanted } from '../../cli/commands/apply-file.ts';

const CANARY = 'https://hooks.slack.example/services/canary-address';
const MAIL = '- { name: mail, target: { kind: email, to: [ops@example.org] }, events: [run.failed] }';

const channels = (...lines: string[]) => ['version: 1', 'channels:', ...lines].join('\n');
const slack = (url: string) => `- { name: chat, target: { kind: slack, url: "${url}" }, events: [run.failed] }`;

describe('the file of dbdump apply', () => {
  it('resolves the address of a chat beside a channel for mail', async () => {
    const wanted = await readWanted(channels(MAIL, slack('env:CHAT')), async () => CANARY);

    expect(wanted.channels?.map(({ target }) => target)).toEqual([
      { kind: 'email', to: ['ops@example.org'] },
      { kind: 'slack', url: CANARY },
    ]);
  });

  it.each([[[]], [[MAIL]], [['- nothing']]])('refuses the address itself of a chat, beside %j', async (others) => {
    const read = readWanted(channels(...others, slack(CANARY)), async () => 'never asked');

    await expect(read).rejects.toThrow('is a secret');
    await expect(read).rejects.not.toThrow('canary');
  });
});
