import { S3Error } from './s3-error.ts';

/** An element to write: text, a list of the same element, or nested elements. `undefined` leaves it out. */
export type XmlValue = string | number | boolean | Date | undefined | XmlTree | readonly XmlTree[] | readonly string[];
export interface XmlTree {
  readonly [name: string]: XmlValue;
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** A whole document; elements stand in the order of the tree. */
export function xmlDocument(root: string, tree: XmlTree, namespace = NAMESPACE): string {
  const attribute = namespace === '' ? '' : ` xmlns="${namespace}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${writeTree(tree)}</${root}>`;
}

function writeTree(tree: XmlTree): string {
  let text = '';
  for (const [name, value] of Object.entries(tree)) text += writeElement(name, value);
  return text;
}

function writeElement(name: string, value: XmlValue): string {
  if (value === undefined) return '';
  if (Array.isArray(value)) return value.map((item: XmlTree | string) => writeElement(name, item)).join('');
  if (value instanceof Date) return `<${name}>${value.toISOString()}</${name}>`;
  if (typeof value === 'object') return `<${name}>${writeTree(value as XmlTree)}</${name}>`;
  return `<${name}>${escapeXml(String(value))}</${name}>`;
}

/** Control characters become references, as S3 does, although XML 1.0 forbids them: callers ask for url encoding. */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be found here
  return text.replace(/[&<>"'\u0000-\u001f\u007f]/g, (char) => {
    if (char === '&') return '&amp;';
    if (char === '<') return '&lt;';
    if (char === '>') return '&gt;';
    if (char === '"') return '&quot;';
    return `&#x${char.charCodeAt(0).toString(16)};`;
  });
}

export interface XmlNode {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlNode[];
}

interface OpenNode {
  readonly name: string;
  text: string;
  readonly children: XmlNode[];
}

/** Reads the small documents S3 clients send. Throws `MalformedXML` on anything that is not one root element. */
export function parseXml(source: string): XmlNode {
  const top: OpenNode = { name: '', text: '', children: [] };
  const stack: OpenNode[] = [top];
  const token = /<\?[^>]*\?>|<(\/?)([\w:.-]+)[^>]*?(\/?)>|([^<]+)/g;
  for (const [, closing, name, selfClosing, text] of source.matchAll(token)) {
    const current = stack.at(-1) ?? top;
    if (text !== undefined) current.text += unescapeXml(text);
    else if (name === undefined) continue;
    else if (closing === '/') closeNode(stack, name);
    else if (selfClosing === '/') current.children.push({ name, text: '', children: [] });
    else stack.push({ name, text: '', children: [] });
  }
  const root = top.children[0];
  if (stack.length !== 1 || root === undefined) throw malformed();
  return root;
}

function closeNode(stack: OpenNode[], name: string): void {
  const node = stack.pop();
  const parent = stack.at(-1);
  if (node === undefined || parent === undefined || node.name !== name) throw malformed();
  parent.children.push(node);
}

function malformed(): S3Error {
  return new S3Error(
    'MalformedXML',
    'The XML you provided was not well-formed or did not validate against our published schema',
  );
}

function unescapeXml(text: string): string {
  return text.replace(/&(#x?[0-9a-f]+|\w+);/gi, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)));
    return { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }[name] ?? whole;
  });
}

export function childrenNamed(node: XmlNode, name: string): XmlNode[] {
  return node.children.filter((child) => child.name === name);
}

export function childText(node: XmlNode, name: string): string | undefined {
  return node.children.find((child) => child.name === name)?.text.trim();
}
