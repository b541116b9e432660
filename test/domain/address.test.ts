import { describe, expect, it } from '@jest/globals';
import { mayDial, requireDialable } from '../../src/domain/address.ts';

const DENIED = [
  '127.0.0.1',
  '127.1.2.3',
  '::1',
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '100.127.255.254',
  '169.254.169.254',
  '169.254.170.2',
  '169.254.0.1',
  'fe80::1',
  'fd00:ec2::254',
  'fd12:3456::1',
  'fc00::1',
  '224.0.0.1',
  '239.255.255.255',
  'ff02::1',
  '255.255.255.255',
  '::ffff:127.0.0.1',
  '::ffff:169.254.169.254',
  '::ffff:10.0.0.1',
  '::ffff:7f00:1',
  '0:0:0:0:0:ffff:a9fe:a9fe',
  '64:ff9b::169.254.169.254',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2002:a9fe:a9fe::',
  '2001:db8::1',
  '192.0.2.1',
  '198.51.100.1',
  '203.0.113.1',
  '198.18.0.1',
  '240.0.0.1',
  '192.0.0.1',
  '2001::1',
  '100::1',
  '::7f00:1',
  '::127.0.0.1',
  '::a9fe:a9fe',
  '::1.2.3.4',
  '64:ff9b:1::a9fe:a9fe',
  '4000::1',
];
const NOT_ADDRESSES = [
  '',
  'localhost',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '2130706433',
  '127.1',
  '127.0.1',
  '0x7f000001',
  '017700000001',
  '127.0.0.1.',
  ' 127.0.0.1',
  '127.0.0.1/8',
  '[::1]',
  'fe80::1%eth0',
  '１２７.0.0.1',
  '127。0。0。1',
  '1.2.3.4:80',
  '8.8.8.8\n',
  '08.8.8.8',
  '256.1.1.1',
];
const PUBLIC = [
  '8.8.8.8',
  '1.1.1.1',
  '52.95.110.1',
  '2606:4700:4700::1111',
  '::ffff:8.8.8.8',
  '172.32.0.1',
  '100.128.0.1',
  '169.253.1.1',
];

describe('addresses that clients name', () => {
  it.each(DENIED)('F87 %s is not dialled', (address) => {
    expect(mayDial(address)).toBe(false);
  });

  it.each(NOT_ADDRESSES)('F87 %p is no address at all', (address) => {
    expect(mayDial(address, ['0.0.0.0/0', '::/0'])).toBe(false);
  });

  it.each(PUBLIC)('%s is dialled', (address) => {
    expect(mayDial(address)).toBe(true);
  });

  it('F87 private ranges are dialled only where they were allowed by name', () => {
    expect(mayDial('10.1.2.3', ['10.1.0.0/16'])).toBe(true);
    expect(mayDial('10.2.2.3', ['10.1.0.0/16'])).toBe(false);
    expect(mayDial('::ffff:10.1.2.3', ['10.1.0.0/16'])).toBe(true);
    expect(mayDial('::1', ['10.1.0.0/16', '::1/128'])).toBe(true);
  });

  it('F87 metadata addresses stay out of reach whatever was allowed', () => {
    for (const address of ['169.254.169.254', '169.254.170.2', 'fd00:ec2::254', '0.0.0.0'])
      expect(mayDial(address, ['0.0.0.0/0', '::/0'])).toBe(false);
  });

  it('F88 a name is pinned to its first address only when all of them are harmless', () => {
    expect(requireDialable('db.example', ['8.8.8.8', '1.1.1.1'])).toBe('8.8.8.8');
    expect(() => requireDialable('db.example', ['8.8.8.8', '169.254.169.254'])).toThrow(
      'db.example is at 169.254.169.254',
    );
    expect(() => requireDialable('db.example', [])).toThrow('db.example has no address');
  });
});
