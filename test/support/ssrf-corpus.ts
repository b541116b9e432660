/** One way to write an address that must not be reached, and what it means to whoever is careless. */
export interface HostForm {
  readonly host: string;
  readonly means: string;
}

const TARGETS = [
  '127.0.0.1',
  '127.8.8.8',
  '169.254.169.254',
  '169.254.170.2',
  '10.0.0.1',
  '172.31.255.254',
  '192.168.1.1',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
];

const V6 = [
  '::1',
  '0:0:0:0:0:0:0:1',
  '::',
  'fe80::1',
  'fe80::a9fe:a9fe',
  'fc00::1',
  'fd12:3456:789a::1',
  'fd00:ec2::254',
  'FD00:EC2:0:0::0254',
  'fd00:ec2::23',
  'ff02::1',
  'ff05::1:3',
  '2001:db8::1',
  '100::1',
  '2001::1',
  '2001:10::1',
  '::ffff:0:7f00:1',
];

/** More than two hundred. */
export const HOST_FORMS: readonly HostForm[] = [
  ...TARGETS.flatMap((means) => formsOf(means).map((host) => ({ host, means }))),
  ...V6.flatMap((means) => [means, `[${means}]`].map((host) => ({ host, means }))),
  ...['localhost', 'LOCALHOST', 'localhost.', 'ip6-localhost', 'localhost.localdomain', 'ｌｏｃａｌｈｏｓｔ'].map(
    (host) => ({
      host,
      means: '127.0.0.1',
    }),
  ),
  ...['metadata.google.internal', 'instance-data', '169.254.169.254.nip.io', 'fe80--1.ipv6-literal.net'].map(
    (host) => ({
      host,
      means: '169.254.169.254',
    }),
  ),
];

function formsOf(address: string): string[] {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const whole = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const high = hex((a << 8) | b, 4);
  const low = hex((c << 8) | d, 4);
  const octal = (value: number) => `0${value.toString(8)}`;
  return [
    address,
    `${address}.`,
    `[${address}]`,
    String(whole),
    `0x${hex(whole, 8)}`,
    `0X${hex(whole, 8).toUpperCase()}`,
    octal(whole),
    [a, b, c, d].map(octal).join('.'),
    [a, b, c, d].map((part) => `0x${hex(part, 2)}`).join('.'),
    [a, b, c, d].map((part) => `000000${octal(part)}`).join('.'),
    `${a}.${(b << 16) | (c << 8) | d}`,
    `${a}.${b}.${(c << 8) | d}`,
    `0x${hex(a, 2)}.${(b << 16) | (c << 8) | d}`,
    `${octal(a)}.0x${hex(b, 2)}.${(c << 8) | d}`,
    `::ffff:${address}`,
    `[::ffff:${address}]`,
    `::ffff:${high}:${low}`,
    `0:0:0:0:0:FFFF:${high}:${low}`,
    `::${address}`,
    `64:ff9b::${address}`,
    `64:ff9b::${high}:${low}`,
    `64:ff9b:1::${high}:${low}`,
    `2002:${high}:${low}::`,
    `2001:0:${high}:${low}::1`,
    address.replaceAll('.', '。'),
    [...address].map((sign) => (sign === '.' ? '.' : String.fromCodePoint(0xff10 + Number(sign)))).join(''),
    `${address}%00.example.org`,
    `${address}#.example.org`,
    `example.org@${address}`,
    `${address}:80`,
    `${address}\\.example.org`,
    `${address}/.example.org`,
    ` ${address}`,
    `${address}\n`,
    `${address},example.org`,
  ];
}
