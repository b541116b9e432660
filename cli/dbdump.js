#!/usr/bin/env node
/*
 * Starts the program under the project's own Node when an older one was asked to.
 * Plain JavaScript without imports of ours: a Node too old for the rest must still be able to read this file.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const OLDEST = [24, 12];
const here = path.dirname(fileURLToPath(import.meta.url));
const source = path.join(here, 'main.ts');
const bundle = path.join(here, '..', 'dist', 'dbdump.js');
// A checkout runs its sources; what npm installs has only the bundle.
const entry = fs.existsSync(source) ? source : bundle;

if (isNewEnough(process.versions.node)) {
  import(pathToFileURL(entry).href).catch(explain);
} else {
  startWithOwnNode();
}

function isNewEnough(version) {
  const parts = version.split('.').map(Number);
  return parts[0] > OLDEST[0] || (parts[0] === OLDEST[0] && parts[1] >= OLDEST[1]);
}

function startWithOwnNode() {
  const program = ownNode();
  if (program === undefined) return refuse();
  const rest = process.argv.slice(2);
  // Arguments may hold a password, and every user of the machine can read a process's arguments; the child hides its own.
  process.title = 'dbdump';
  const child = spawn(program, [fileURLToPath(import.meta.url)].concat(rest), { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', refuse);
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    // Ending by the same signal tells the caller's shell what the child told us.
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

function ownNode() {
  try {
    const folder = path.dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const program = path.join(folder, 'bin', 'node');
    return fs.existsSync(program) ? program : undefined;
  } catch (_error) {
    return undefined;
  }
}

function refuse() {
  process.stderr.write(
    'dbdump: Node ' +
      OLDEST.join('.') +
      ' or newer is needed and this is ' +
      process.versions.node +
      '.\n' +
      'Install it, or install this package with its install scripts allowed: it brings its own.\n',
  );
  process.exit(25);
}

function explain(error) {
  process.stderr.write(`dbdump: ${error?.message ? error.message : error}\n`);
  process.exit(1);
}
