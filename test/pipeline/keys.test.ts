import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadSigningKey, makeSigningKey, parseTrustedKeys } from '../../src/pipeline/keys.ts';
import { recoveryKit } from '../../src/pipeline/recovery-kit.ts';
import { publicKeyPem, signerOf } from '../../src/pipeline/seal.ts';

const signer = signerOf(generateKeyPairSync('ed25519').privateKey);
const other = signerOf(generateKeyPairSync('ed25519').privateKey);

describe('keys', () => {
  const folder = () => mkdtempSync(join(tmpdir(), 'keys-'));

  it('are made once, readable by their owner alone, and loaded again', async () => {
    const path = join(folder(), 'deep', 'signing-key.pem');

    const made = await makeSigningKey(path);
    const loaded = await loadSigningKey(path);

    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(loaded?.publicKey).toBe(made.publicKey);
    await expect(makeSigningKey(path)).rejects.toMatchObject({
      code: 'usage',
      message: `The signing key ${path} cannot be written.`,
      remedy: 'Choose a data folder that you may write to; an existing key is never overwritten.',
      cause: expect.objectContaining({ code: 'EEXIST' }),
    });
    expect((await loadSigningKey(path))?.publicKey).toBe(made.publicKey);
    expect(await loadSigningKey(`${path}.missing`)).toBeUndefined();
  });

  it('that others may read, or that are none, are refused', async () => {
    const path = join(folder(), 'key.pem');
    await makeSigningKey(path);
    for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601]) {
      chmodSync(path, mode);
      await expect(loadSigningKey(path)).rejects.toMatchObject({
        code: 'usage',
        message: `The signing key ${path} can be read by other users.`,
        remedy: `Run: chmod 600 ${path}. If others were on this machine, make a new key.`,
      });
    }
    chmodSync(path, 0o600);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    for (const content of ['', 'garbage', rsa.export({ format: 'pem', type: 'pkcs8' })]) {
      writeFileSync(path, content);
      await expect(loadSigningKey(path)).rejects.toMatchObject({
        code: 'usage',
        message: `${path} does not hold an Ed25519 private key.`,
        remedy: 'Restore the file from a copy, or move it away to have a new key made.',
      });
    }
  });

  it('are found wherever a person put them, and nothing else is taken for one', () => {
    const { publicKey } = signer;
    const pems = `${publicKeyPem(publicKey)}${publicKeyPem(other.publicKey)}`;
    const x25519 = generateKeyPairSync('x25519').publicKey.export({ format: 'pem', type: 'spki' });

    expect(parseTrustedKeys(`Trust\n${pems}\nand ${publicKey}.`)).toEqual([publicKey, other.publicKey]);
    expect(parseTrustedKeys(`(${publicKey})"${other.publicKey}"`)).toEqual([publicKey, other.publicKey]);
    // A word that only holds one inside it is another word; a key for something else is none.
    for (const word of [`A${publicKey}`, `/${publicKey}`, `${publicKey}A`, `${publicKey}=`, `=${publicKey}`]) {
      expect(() => parseTrustedKeys(word)).toThrow(expect.objectContaining({ code: 'usage' }));
    }
    expect(() => parseTrustedKeys(String(x25519))).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(parseTrustedKeys(`${x25519}${publicKey}`)).toEqual([publicKey]);
  });

  it('of ssh are taken only when they are of this kind through and through', () => {
    const raw = Buffer.from(signer.publicKey, 'base64');
    const blob = Buffer.concat([Buffer.from('0000000b7373682d6564323535313900000020', 'hex'), raw]);
    const otherKind = Buffer.from(blob);
    otherKind[4] = 0x74;
    const line = (bytes: Buffer) => `ssh-ed25519 ${bytes.toString('base64')} me@host`;

    expect(parseTrustedKeys(line(blob))).toEqual([signer.publicKey]);
    expect(parseTrustedKeys(`${line(blob)}\n${line(blob)}`)).toEqual([signer.publicKey]);
    for (const wrong of [otherKind, blob.subarray(0, 50), blob.subarray(0, 48)])
      expect(() => parseTrustedKeys(line(wrong))).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => parseTrustedKeys(`ssh-rsa ${blob.toString('base64')}`)).toThrow(
      expect.objectContaining({ code: 'usage' }),
    );
  });

  it('are read in every form people have them in, and each once', () => {
    const { publicKey } = signer;
    const raw = Buffer.from(publicKey, 'base64');
    const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
    const ssh = `ssh-ed25519 ${Buffer.concat([field(Buffer.from('ssh-ed25519')), field(raw)]).toString('base64')} me@host`;

    for (const text of [publicKey, publicKeyPem(publicKey), ssh, `key: ${publicKey}\n${publicKeyPem(publicKey)}`]) {
      expect(parseTrustedKeys(text)).toEqual([publicKey]);
    }
    expect(parseTrustedKeys(`${publicKey}, ${other.publicKey}`)).toEqual([publicKey, other.publicKey]);
  });

  it('that are none are refused', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'pem', type: 'spki' });
    const broken = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----';
    for (const text of ['', 'no key here', String(rsa), broken]) {
      expect(() => parseTrustedKeys(text)).toThrow(
        expect.objectContaining({
          code: 'usage',
          message: 'No Ed25519 public key was found in what was given to trust.',
          remedy: 'Give the recovery kit, a PEM public key, or its 44 characters of base64.',
        }),
      );
    }
  });
});

describe('the recovery kit', () => {
  const facts = {
    publicKeys: [signer.publicKey, other.publicKey],
    storeUrl: 's3://bucket/prefix?region=eu-central-1',
    scheme: 'postgres',
    database: "o'hara",
    recipients: ['age1abc'],
    at: new Date('2026-11-24T00:00:00Z'),
  };

  it('holds the keys, the commands and the recipients, and nothing secret', () => {
    const text = recoveryKit(facts);

    expect(parseTrustedKeys(text)).toEqual(facts.publicKeys);
    expect(text).toContain("--from 's3://bucket/prefix?region=eu-central-1'");
    expect(text).toContain("'o'\\''hara_restored'");
    expect(text).toContain("HOST/o'\\''hara'");
    expect(text).toContain('age1abc');
    expect(text).not.toMatch(/PRIVATE|AGE-SECRET-KEY-1[A-Z0-9]/);
    expect(text.split('\n').every((line) => line.length <= 120)).toBe(true);
  });

  it('says nothing of encryption where there is none', () => {
    expect(recoveryKit({ ...facts, recipients: [] })).not.toMatch(/ENCRYPTION|identity/);
  });
});
