/** What the server answers when it will not do a thing; thrown by commands, turned into a reply by the connection. */
export class Refusal extends Error {
  readonly code: number;
  readonly codeName: string;

  constructor(code: number, codeName: string, message: string) {
    super(message);
    this.code = code;
    this.codeName = codeName;
  }
}

export const badValue = (message: string): Refusal => new Refusal(2, 'BadValue', message);
export const namespaceNotFound = (namespace: string): Refusal =>
  new Refusal(26, 'NamespaceNotFound', `ns does not exist: ${namespace}`);
/** Also written into the log of refused things: nothing this server does not know passes by accident. */
export class UnknownThing extends Refusal {}
export const unknownCommand = (name: string): UnknownThing =>
  new UnknownThing(59, 'CommandNotFound', `no such command: '${name}'`);
export const unknownField = (command: string, field: string): UnknownThing =>
  new UnknownThing(40415, 'Location40415', `BSON field '${command}.${field}' is an unknown field.`);
