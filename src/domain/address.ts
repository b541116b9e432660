import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Failure } from './failure.ts';

/** Ranges (CIDR) that a tenant or an operator allowed though they are not public: `10.0.0.0/8`, `127.0.0.0/8`. */
export type AllowedRanges = readonly string[];

/** Never reachable, allowed or not: instance and task metadata, and the addresses that mean "every one" or "nobody". */
const NEVER = [
  '169.254.0.0/16',
  'fe80::/10',
  'fd00:ec2::/32',
  '0.0.0.0/8',
  '::/128',
  '224.0.0.0/4',
  'ff00::/8',
  '255.255.255.255/32',
] as const;

/**
 * Whether a client's host, webhook or endpoint may be dialled at this address (F87). Public unicast is; every other range
 * (loopback, private, carrier-grade NAT, link-local, mapped and translated IPv4, documentation) only where allowed by name.
 */
export function mayDial(address: string, allowed: AllowedRanges = []): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined || NEVER.some((range) => inRange(parsed, range))) return false;
  return isPublic(parsed) || allowed.some((range) => inRange(parsed, range));
}

/** What the world hands out of IPv6; outside of it are forms that mean an IPv4 address, such as `::7f00:1`. */
const GLOBAL_V6 = '2000::/3';

function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || inRange(address, GLOBAL_V6));
}

/** The first address that may be dialled, for pinning (F88). All of a name's addresses must be harmless: one bad one refuses it. */
export function requireDialable(host: string, addresses: readonly string[], allowed: AllowedRanges = []): string {
  const [first] = addresses;
  if (first === undefined)
    throw new Failure('database_unreachable', `${host} has no address.`, { remedy: 'Check the host name.' });
  const bad = addresses.find((address) => !mayDial(address, allowed));
  if (bad === undefined) return first;
  throw new Failure('usage', `${host} is at ${bad}, an address that must not be reached from here.`, {
    remedy: 'Use a public address, or let the operator allow its network with ALLOWED_RANGES.',
  });
}

/** A look-up for sockets whose answer is always the address that was checked, in either shape it may be asked for (F88). */
export function pinnedLookup(address: string): LookupFunction {
  const family = ipaddr.IPv4.isValid(address) ? 4 : 6;
  return (_host, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family));
}

/** IPv4 inside IPv6 (mapped) is judged as the IPv4 address it is; anything that is not a plain address is none. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // Octal, hexadecimal and shortened forms name other hosts than they seem to: not ours to interpret.
  if (!ipaddr.IPv6.isValid(text) && !ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  // The parser takes `::1.2.3.4` for the mapped form, which it is not.
  if (text.includes(':') && text.includes('.') && !/^::ffff:/i.test(text)) return undefined;
  return ipaddr.process(text);
}

function inRange(address: ipaddr.IPv4 | ipaddr.IPv6, range: string): boolean {
  const [network, bits] = ipaddr.parseCIDR(range);
  return address.kind() === network.kind() && address.match(network, bits);
}
