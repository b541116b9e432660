import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startService, type TestService, type TestTenant } from '../support/service.ts';

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await startService();
  tenant = await service.tenant();
});

afterAll(() => service.stop());

describe('a host', () => {
  it.each(['evil.example.org', 'localhost', '127.0.0.1', '127.0.0.1:80', '127.0.0.1:8080.evil.example.org', ''])(
    'that is not this service’s is refused: %j (DNS rebinding)',
    async (host) => {
      const answer = await service.ask({ path: '/v1/me', headers: { host }, key: tenant.keys.owner });

      expect(answer.status).toBe(421);
      expect(answer.json.code).toBe('host_unknown');
    },
  );
});
