/**
 * Finds or gets every tool that a mode needs and prints one line for each: what was found or done, and why.
 * Exit code 1 when `npm start` cannot work without it or when CI is true, else a missing tool is only said.
 */
import { findTools, type Tool, type Toolbox } from '../src/process/tools.ts';
import { NEEDS } from './setup/catalogue.ts';
import { type Machine, mayInstall, readMachine, runningFrom } from './setup/machine.ts';
import { advice, type Mode, type Need } from './setup/needs.ts';
import { installPackages, refreshLists, servicesMayStart, wouldRemove } from './setup/system-packages.ts';

const MODES: readonly Mode[] = ['start', 'test', 'matrix'];
const LABEL_WIDTH = 18;

/** What happened to a need on the way: said in its line. */
type Story = Map<Need, string[]>;

await main(process.argv[2] ?? 'start');

async function main(argument: string): Promise<void> {
  const mode = MODES.find((known) => known === argument);
  if (mode === undefined) {
    console.error(`bootstrap: there is no mode ${JSON.stringify(argument)}; choose one of: ${MODES.join(', ')}.`);
    process.exit(2);
  }
  // Tools must be readable by the users that they run as.
  process.umask(0o022);
  const machine = readMachine();
  const needs = NEEDS.filter((need) => need.modes.includes(mode));
  let tools = await search(machine);
  const story: Story = new Map(needs.map((need) => [need, isMet(need, tools) ? [] : [cause(need, tools)]]));
  if (needs.some((need) => !isMet(need, tools))) {
    await installMissing(machine, needs, { tools, story });
    tools = await search(machine);
    await Promise.all(needs.map((need) => getPrivately(machine, need, { tools, story })));
    tools = await search(machine);
  }
  for (const need of needs) console.error(describe(need, { machine, tools, told: story.get(need) ?? [] }));
  const missing = needs.filter((need) => !isMet(need, tools));
  if (missing.length > 0 && (mode === 'start' || machine.inCi)) process.exitCode = 1;
}

function search(machine: Machine): Promise<Toolbox> {
  return findTools({ path: process.env.PATH ?? '', caches: machine.caches });
}

function isMet(need: Need, tools: Toolbox): boolean {
  return need.programs.every((program) => tools.all(program).some((tool) => need.accepts(tool)));
}

interface Progress {
  readonly tools: Toolbox;
  readonly story: Story;
}

/** The system's package manager, for all needs at once: one update, one installation. */
async function installMissing(machine: Machine, needs: readonly Need[], { tools, story }: Progress): Promise<void> {
  const wanting = needs.filter((need) => need.packages !== undefined && !isMet(need, tools));
  if (!mayInstall(machine) || wanting.length === 0) return;
  const tell = (need: Need, sentence: string) => story.get(need)?.push(sentence);
  if (await servicesMayStart()) {
    for (const need of wanting) tell(need, 'not installed with apt: this system lets packages start services');
    return;
  }
  try {
    const plan = await planInstallation(wanting, story);
    await installPackages([...new Set([...plan.values()].flat())]);
    for (const [need, packages] of plan) tell(need, `installed ${packages.join(', ')} with apt`);
  } catch (error) {
    for (const need of wanting) tell(need, `apt failed: ${messageOf(error)}`);
  }
}

async function planInstallation(wanting: readonly Need[], story: Story): Promise<Map<Need, readonly string[]>> {
  await refreshLists();
  const plan = new Map<Need, readonly string[]>();
  for (const need of wanting) {
    const packages = await packagesOf(need, story);
    if (packages.length > 0) plan.set(need, packages);
  }
  return plan;
}

/** The packages that may be installed for a need without disturbing anything; none says why. */
async function packagesOf(need: Need, story: Story): Promise<readonly string[]> {
  const running = runningFrom(need.programFolders ?? []);
  if (running.length > 0) {
    story.get(need)?.push(`not upgraded with apt: ${running[0]} is running`);
    return [];
  }
  const packages = (await need.packages?.()) ?? [];
  if (!(await wouldRemove(packages))) return packages;
  story.get(need)?.push('not installed with apt: that would remove other packages');
  return [];
}

async function getPrivately(machine: Machine, need: Need, { tools, story }: Progress): Promise<void> {
  if (isMet(need, tools)) return;
  for (const way of need.ways.filter((candidate) => candidate.possible(machine))) {
    console.error(`… ${need.label.padEnd(LABEL_WIDTH)} being ${way.did}`);
    try {
      await way.get(machine);
      story.get(need)?.push(way.did);
      if (isMet(need, await search(machine))) return;
    } catch (error) {
      story.get(need)?.push(`${way.did.split(' ')[0]} failed: ${messageOf(error)}`);
    }
  }
}

interface Telling {
  readonly machine: Machine;
  readonly tools: Toolbox;
  readonly told: readonly string[];
}

function describe(need: Need, { machine, tools, told }: Telling): string {
  const label = need.label.padEnd(LABEL_WIDTH);
  const best = need.programs.map((program) => tools.all(program).find((tool) => need.accepts(tool)));
  if (isMet(need, tools)) return `✔ ${label} ${summary(best.filter((tool) => tool !== undefined))}${because(told)}`;
  return `✘ ${label} ${told.length === 0 ? cause(need, tools) : told.join('; ')}. ${advice(need, machine)}`;
}

/** Why what is there will not do. */
function cause(need: Need, tools: Toolbox): string {
  const missing = need.programs.filter((program) => !tools.all(program).some((tool) => need.accepts(tool)));
  const unfit = tools.all(missing[0] ?? '')[0];
  if (unfit === undefined) return `${missing.join(', ')} not found`;
  if (unfit.ok) return `${unfit.path} is ${unfit.flavour} ${unfit.version}`;
  return `${unfit.path} ${unfit.version} is below the floor ${unfit.floor}, and ${unfit.reason}`;
}

/** `pg_dump 15.20 in /usr/lib/postgresql/15/bin`, and a warning for what is only good for a trial. */
function summary(tools: readonly Tool[]): string {
  const [first] = tools;
  if (first === undefined) return '';
  const folder = first.path.slice(0, first.path.lastIndexOf('/'));
  const floor = first.ok ? '' : ` (below the floor ${first.floor}: for the sample and old versions only)`;
  return `${first.name} ${first.version} in ${folder}${floor}`;
}

function because(told: readonly string[]): string {
  return told.length === 0 ? '' : ` · ${told.join('; ')}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
