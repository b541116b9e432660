import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { backup } from '../../src/pipeline/backup.ts';
import { parseTrustedKeys } from '../../src/pipeline/keys.ts';
import { findBackup } from '../../src/pipeline/list.ts';
import { restore } from '../../src/pipeline/restore.ts';
import { fingerprint, keyId, openManifest, openReport, publicKeyPem, seal, signerOf } from '../../src/pipeline/seal.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { realTools, type StubBench, signer, stubBench } from '../support/pipeline-bench.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { connectionTo, dumpText, stubDatabase } from '../support/stub-engine.ts';

const open: StubBench[] = [];
const bench = (options?: Parameters<typeof stubBench>[0]) => {
  const made = stubBench(options);
  open.push(made);
  return made;
};
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const other = signerOf(generateKeyPairSync('ed25519').privateKey);
const options = { key: 'shop/manifest.json' };

async function sealed() {
  const made = bench();
  const { body } = await backup(made.needs, made.request);
  return { body, text: await seal(signer, body) };
}

describe('the seal of a manifest', () => {
  it('opens with the key that was given', async () => {
    const { body, text } = await sealed();

    const opened = openManifest(text, [other.publicKey, signer.publicKey], options);

    expect(opened).toMatchObject({ signed: true, key: 'shop/manifest.json' });
    expect(opened.body).toEqual(body);
  });

  it('of an unknown signer is refused, also when its key travels along', async () => {
    const { text } = await sealed();
    const travelling = JSON.stringify({ ...JSON.parse(text), publicKey: signer.publicKey });

    for (const stored of [text, travelling]) {
      expect(() => openManifest(stored, [other.publicKey], options)).toThrow(
        expect.objectContaining({ code: 'signer_unknown', details: { keyId: keyId(signer.publicKey) } }),
      );
    }
    expect(() => openManifest(travelling, [signer.publicKey], options)).toThrow(
      expect.objectContaining({ code: 'signature_wrong' }),
    );
  });

  it('of an impostor who uses the name of a trusted key is refused', async () => {
    const { body } = await sealed();
    const text = JSON.parse(await seal(other, body));
    text.signature.keyId = keyId(signer.publicKey);

    expect(() => openManifest(JSON.stringify(text), [signer.publicKey], options)).toThrow(
      expect.objectContaining({ code: 'signature_wrong' }),
    );
  });

  it('does not survive any change of its text, at random places', async () => {
    const { text } = await sealed();
    const random = randomFrom(seed);
    const bytes = Buffer.from(text);
    let same = 0;
    for (let n = 0; n < sized(1_000, 20_000); n += 1) {
      const at = Math.floor(random() * bytes.length);
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << Math.floor(random() * 7);
      try {
        const opened = openManifest(changed.toString(), [signer.publicKey], options);
        // White space between fields, and ways to write the same base64, are no part of what is signed.
        expect(opened.sha256).toBe(openManifest(text, [signer.publicKey], options).sha256);
        same += 1;
      } catch (error) {
        expect(error).toMatchObject({
          code: expect.stringMatching(/^(signature_wrong|manifest_invalid|signer_unknown)$/),
        });
      }
    }

    expect(same).toBeLessThan(sized(1_000, 20_000) / 4);
  });

  it('keeps names that are special in JavaScript, and no field can be slipped in', async () => {
    const { body } = await sealed();
    const tables = { 'public.constructor': { rows: 1 }, 'public.toString': { rows: 2 } };
    const text = await seal(signer, { ...body, inventory: { ...body.inventory, tables } });

    expect(openManifest(text, [signer.publicKey], options).body.inventory.tables).toEqual(tables);
  });

  it('of a newer version is refused by its number, after its signature was checked', async () => {
    const { body } = await sealed();
    const text = await seal(signer, { ...body, version: 2 } as never);

    expect(() => openManifest(text, [signer.publicKey], options)).toThrow(
      expect.objectContaining({ code: 'manifest_version_unknown' }),
    );
    expect(() => openManifest(text.replace('shop', 'shoq'), [signer.publicKey], options)).toThrow(
      expect.objectContaining({ code: 'signature_wrong' }),
    );
  });

  it('may be missing or unknown only where that is asked for, and may never be wrong', async () => {
    const { text } = await sealed();
    const { signature: _, ...body } = JSON.parse(text);
    const unsigned = JSON.stringify(body);
    const accept = { ...options, acceptUnsigned: true };

    expect(() => openManifest(unsigned, [], options)).toThrow(expect.objectContaining({ code: 'manifest_invalid' }));
    expect(openManifest(unsigned, [], accept).signed).toBe(false);
    expect(openManifest(text, [other.publicKey], accept).signed).toBe(false);
    expect(openManifest(text, [signer.publicKey], accept).signed).toBe(true);
    expect(() => openManifest(text.replace('shop', 'shoq'), [signer.publicKey], accept)).toThrow(
      expect.objectContaining({ code: 'signature_wrong' }),
    );
    for (const broken of ['', '[]', '{"signature":1}', '{"signature":{}}', 'null', '7', '{']) {
      expect(() => openManifest(broken, [], accept)).toThrow(expect.objectContaining({ code: 'manifest_invalid' }));
    }
  });

  it.each([
    ['', 'it is not JSON'],
    ['{', 'it is not JSON'],
    ['null', 'it is not a JSON object'],
    ['7', 'it is not a JSON object'],
    ['"text"', 'it is not a JSON object'],
    ['{"signature":1}', 'it carries no signature that can be read'],
    ['{"signature":{"algorithm":"none"}}', 'it carries no signature that can be read'],
  ])('that is broken is refused for what it is, also where none is needed: %s', (broken, why) => {
    for (const acceptUnsigned of [true, false]) {
      expect(() => openManifest(broken, [signer.publicKey], { ...options, acceptUnsigned })).toThrow(
        expect.objectContaining({ code: 'manifest_invalid', message: `The manifest cannot be used: ${why}.` }),
      );
    }
  });

  it('may be missing where that is asked for, whoever else is trusted', async () => {
    const { body, text } = await sealed();
    const unsigned = JSON.stringify(body);

    expect(openManifest(unsigned, [signer.publicKey], { ...options, acceptUnsigned: true })).toMatchObject({
      signed: false,
      body,
      sha256: openManifest(text, [signer.publicKey], options).sha256,
    });
  });

  it('that is refused says what to do', async () => {
    const { text } = await sealed();

    expect(() => openManifest(text, [other.publicKey], options)).toThrow(
      expect.objectContaining({
        message: `The manifest was signed by key ${keyId(signer.publicKey)}, which is not among the trusted keys.`,
        remedy: "Give the public key from that database's recovery kit with --trust.",
      }),
    );
    expect(() => openManifest(text.replace('shop', 'shoq'), [signer.publicKey], options)).toThrow(
      expect.objectContaining({
        message: 'The manifest was changed after it was signed.',
        remedy:
          'Do not use this backup; fetch the untouched manifest from an older object version, or take another backup.',
      }),
    );
  });

  it('T27 a manifest of version 1, written when that was the newest, still lists, verifies and restores', async () => {
    const root = join(import.meta.dirname, '../fixtures/manifest-v1');
    const storage = new MemoryStorage();
    for (const key of globSync('shop-*/**/*.{json,zst}', { cwd: root })) {
      await storage.put(key, readFileSync(join(root, key)));
    }
    const trusted = parseTrustedKeys(readFileSync(join(root, 'public-key.pem'), 'utf8'));
    const made = bench({ storage, tools: await realTools() });
    const needs = { ...made.needs, trusted };

    const { manifest, status, level } = await findBackup(needs, 'latest');
    const outcome = await verify(needs, { manifest, level: 2, scratch: undefined, assertions: {} });
    const job = { target: connectionTo('shop'), mode: { kind: 'new', name: 'old' }, type: 'full' } as const;
    await restore(needs, manifest, { ...job, only: [], owners: true, acls: true, roles: {} });

    expect([status, level]).toEqual(['good', 3]);
    expect(outcome).toMatchObject({ status: 'good', reached: 2, differences: [] });
    expect(dumpText(made.engine.databases.get('old')!)).toBe(dumpText(stubDatabase(3000, 'fixture')));
  });
});

describe('a report', () => {
  it('of an unknown signer is refused like a manifest', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    await verify(made.needs, { manifest, level: 1, scratch: undefined, assertions: {} });
    const [, stored] = [...made.storage.objects].find(([key]) => key.includes('/reports/'))!;
    const text = stored.body.toString();

    expect(openReport(text, [signer.publicKey])).toMatchObject({ backup: manifest.body.backup, status: 'stored' });
    expect(() => openReport(text, [other.publicKey])).toThrow(expect.objectContaining({ code: 'signer_unknown' }));
  });
});

describe('the name of a key', () => {
  it('is its fingerprint, and its PEM form one that other tools read', () => {
    const { publicKey } = signer;

    expect(fingerprint(publicKey)).toBe(createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex'));
    expect(keyId(publicKey)).toBe(fingerprint(publicKey).slice(0, 16));
    expect(publicKeyPem(publicKey)).toMatch(/^-----BEGIN PUBLIC KEY-----\n\S+\n-----END PUBLIC KEY-----$/);
    expect(createPublicKey(publicKeyPem(publicKey)).asymmetricKeyType).toBe('ed25519');
  });
});
