import type { Defence } from './defence.ts';

const FAULTS = 'test/engines/mysql/faults.test.ts';
const FILTER = 'test/engines/mysql/restore-filter.test.ts';
const LOGINS = 'test/engines/mysql/logins.test.ts';

export const mysqlDefences: readonly Defence[] = [
  {
    fault: 'F4',
    what: 'a dump ends with its own end marker',
    file: 'src/engines/mysql/dump-scanner.ts',
    remove: ' || !this.#complete) throw',
    put: ') throw',
    test: 'test/engines/mysql/dump-scanner.test.ts',
  },
  {
    fault: 'F13',
    what: 'what the tool says of a changed table is understood',
    file: 'src/engines/mysql/dump-session.ts',
    remove: "/\\b(?:1412|1146|1356|1054)\\b.*|Table definition has changed|doesn't exist|Error in field count/,",
    put: '/no such words/,',
    test: FAULTS,
  },
  {
    fault: 'F13',
    what: 'the catalogue is looked at while the dump runs',
    file: 'src/engines/mysql/dump-watch.ts',
    remove:
      'if ((await catalogueDigest(this.#server, this.#watched)) !== this.#watched.catalogue) throw schemaChanged();',
    put: '',
    test: FAULTS,
  },
  {
    fault: 'F14',
    what: 'tables outside the snapshot are known',
    file: 'src/engines/mysql/probe.ts',
    remove: "kind === 'table' && !TRANSACTIONAL.has(engine.toLowerCase())",
    put: "kind === 'table' && engine === ''",
    test: FAULTS,
  },
  {
    fault: 'F15',
    what: 'routines, events and triggers are asked for',
    file: 'src/engines/mysql/commands.ts',
    remove: "parts.schema ? ['--routines', '--events', '--triggers']",
    put: 'parts.schema ? []',
    test: FAULTS,
  },
  {
    fault: 'F16',
    what: 'a dump sets nothing for the whole server',
    file: 'src/engines/mysql/statement.ts',
    remove: "() => ({ does: 'server-wide' }),",
    put: "() => ({ does: 'set' }),",
    test: FILTER,
  },
  {
    fault: 'F16',
    what: 'no GTID set in a dump',
    file: 'src/engines/mysql/commands.ts',
    remove: "['--set-gtid-purged=OFF', ",
    put: "['--set-gtid-purged=ON', ",
    test: FAULTS,
  },
  {
    fault: 'F17',
    what: 'the sandbox line is left out',
    file: 'src/engines/mysql/dump-scanner.ts',
    remove: "if (this.#mark < 0 && SANDBOX_LINE.test(start)) return at + start.indexOf('*/') + 2;",
    put: '',
    test: 'test/engines/mysql/dump-scanner.test.ts',
  },
  {
    fault: 'F18',
    what: 'definers are mapped',
    file: 'src/engines/mysql/restore-filter.ts',
    remove: 'return withDefiner(text, mapped);',
    put: 'return text;',
    test: FILTER,
  },
  {
    fault: 'F18',
    what: 'definers that cannot be made are told before',
    file: 'src/engines/mysql/plan.ts',
    remove: '...(await definerItems(server, origin, request)),',
    put: '',
    test: FAULTS,
  },
  {
    fault: 'F71',
    what: 'a statement that no dump tool writes is refused',
    file: 'src/engines/mysql/restore-filter.ts',
    remove: "      case 'unknown':\n        throw refused(meaning);",
    put: "        throw refused(meaning);\n      case 'unknown':\n        return text;",
    test: FILTER,
  },
  {
    fault: 'F104',
    what: 'the client gives a server no file',
    file: 'src/engines/mysql/option-file.ts',
    remove: "'local-infile=0',",
    put: "'local-infile=1',",
    test: LOGINS,
  },
  {
    fault: 'F103',
    what: 'no plugin gives the password in clear',
    file: 'src/engines/mysql/option-file.ts',
    remove: "...(family === 'MariaDB' ? ['plugin-dir=/nonexistent'] : []),",
    put: '',
    test: LOGINS,
  },
];
