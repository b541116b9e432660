import { describe, expect, it } from '@jest/globals';
import { mayDial, pinnedLookup, requireDialable } from '../../src/domain/address.ts';
import { Failure } from '../../src/domain/failure.ts';

const EVERYTHING = ['0.0.0.0/0', '::/0'];

describe('addresses that are never dialled', () => {
  it.each([
    '169.254.0.0',
    '169.254.255.255',
    'fe80::',
    'febf:ffff::1',
    'fd00:ec2::',
    'fd00:ec2:ffff::1',
    '0.0.0.0',
    '0.255.255.255',
    '::',
    '224.0.0.0',
    '239.255.255.255',
    'ff00::',
    'ffff::1',
    '255.255.255.255',
    '::ffff:169.254.169.254',
    '::ffff:255.255.255.255',
  ])('F87 %s, though everything was allowed', (address) => {
    expect(mayDial(address, EVERYTHING)).toBe(false);
  });

  it.each([
    '169.253.255.255',
    '169.255.0.0',
    'fec0::1',
    'fd00:ec1::1',
    'fd00:ec3::1',
    '1.0.0.0',
    '::1',
    '223.255.255.255',
    '240.0.0.0',
    '255.255.255.254',
    'fdff::1',
    '4000::1',
  ])('F87 their neighbour %s is, where everything was allowed', (address) => {
    expect(mayDial(address, EVERYTHING)).toBe(true);
  });

  it('F87 those whose meaning is not plain are none, whatever was allowed', () => {
    for (const text of ['::1.2.3.4', '64:ff9b::1.2.3.4', '1::1.2.3.4']) expect(mayDial(text, EVERYTHING)).toBe(false);
    expect(mayDial('::FFFF:8.8.8.8')).toBe(true);
  });

  it('F87 those of one family are not allowed by a range of the other', () => {
    expect(mayDial('10.0.0.1', ['::/0'])).toBe(false);
    expect(mayDial('fd12::1', ['0.0.0.0/0'])).toBe(false);
    expect(mayDial('10.0.0.1', ['192.168.0.0/16', '10.0.0.0/8'])).toBe(true);
  });
});

describe('a name that may not be dialled', () => {
  const failureOf = (addresses: readonly string[], allowed?: readonly string[]) => {
    try {
      return requireDialable('db.example', addresses, allowed);
    } catch (error) {
      if (error instanceof Failure) return { code: error.code, message: error.message, remedy: error.remedy };
      throw error;
    }
  };

  it('F88 says which of its addresses is the bad one, and what to do', () => {
    expect(failureOf(['8.8.8.8', '10.0.0.1'])).toEqual({
      code: 'usage',
      message: 'db.example is at 10.0.0.1, an address that must not be reached from here.',
      remedy: 'Use a public address, or let the operator allow its network with ALLOWED_RANGES.',
    });
    expect(failureOf(['10.0.0.1', '8.8.8.8'], ['10.0.0.0/8'])).toBe('10.0.0.1');
    expect(failureOf([])).toEqual({
      code: 'database_unreachable',
      message: 'db.example has no address.',
      remedy: 'Check the host name.',
    });
  });
});

describe('a pinned look-up', () => {
  const answers = (address: string, all: boolean) => {
    const given: unknown[] = [];
    pinnedLookup(address)('another.example', { all }, (...args: unknown[]) => void given.push(...args));
    return given;
  };

  it('F88 answers every name with the address that was checked, in either shape', () => {
    expect(answers('8.8.8.8', false)).toEqual([null, '8.8.8.8', 4]);
    expect(answers('2606:4700::1', false)).toEqual([null, '2606:4700::1', 6]);
    expect(answers('8.8.8.8', true)).toEqual([null, [{ address: '8.8.8.8', family: 4 }]]);
    expect(answers('2606:4700::1', true)).toEqual([null, [{ address: '2606:4700::1', family: 6 }]]);
  });
});
