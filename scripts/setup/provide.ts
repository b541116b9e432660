import type { Tool, Toolbox } from '../../src/process/tools.ts';
import { type Machine, mayInstall } from './machine.ts';
import { advice, type Need } from './needs.ts';

/** What set-up does to the machine. Handed in, so that the order and the refusals can be tested without doing it. */
export interface Hands {
  search(): Promise<Toolbox>;
  /** Programs in these folders that run now. */
  running(folders: readonly string[]): readonly string[];
  servicesMayStart(): Promise<boolean>;
  wouldRemove(packages: readonly string[]): Promise<boolean>;
  refreshLists(): Promise<void>;
  install(packages: readonly string[]): Promise<void>;
  /** One line for the person watching. */
  say(line: string): void;
}

const LABEL_WIDTH = 18;

/** What happened to a need on the way: said in its line. */
type Story = Map<Need, string[]>;

interface Setting {
  readonly machine: Machine;
  readonly hands: Hands;
  readonly tools: Toolbox;
  readonly story: Story;
}

/**
 * Gets what is missing: first with the system's package manager, in one go, then each privately. Says one line for each
 * need and answers those that are still not met.
 */
export async function provide(needs: readonly Need[], machine: Machine, hands: Hands): Promise<readonly Need[]> {
  let tools = await hands.search();
  const story: Story = new Map(needs.map((need) => [need, isMet(need, tools) ? [] : [cause(need, tools)]]));
  if (needs.some((need) => !isMet(need, tools))) {
    await installMissing(needs, { machine, hands, tools, story });
    tools = await hands.search();
    await Promise.all(needs.map((need) => getPrivately(need, { machine, hands, tools, story })));
    tools = await hands.search();
  }
  for (const need of needs) hands.say(describeNeed(need, { machine, hands, tools, story }));
  return needs.filter((need) => !isMet(need, tools));
}

function isMet(need: Need, tools: Toolbox): boolean {
  return need.programs.every((program) => tools.all(program).some((tool) => need.accepts(tool)));
}

/** The system's package manager, for all needs at once: one update, one installation. */
async function installMissing(needs: readonly Need[], setting: Setting): Promise<void> {
  const { machine, hands, tools, story } = setting;
  const wanting = needs.filter((need) => need.packages !== undefined && !isMet(need, tools));
  if (!mayInstall(machine) || wanting.length === 0) return;
  const tell = (need: Need, sentence: string) => story.get(need)?.push(sentence);
  if (await hands.servicesMayStart()) {
    for (const need of wanting) tell(need, 'not installed with apt: this system lets packages start services');
    return;
  }
  try {
    const plan = await planInstallation(wanting, setting);
    if (plan.size === 0) return;
    await hands.install([...new Set([...plan.values()].flat())]);
    for (const [need, packages] of plan) tell(need, `installed ${packages.join(', ')} with apt`);
  } catch (error) {
    for (const need of wanting) tell(need, `apt failed: ${messageOf(error)}`);
  }
}

async function planInstallation(wanting: readonly Need[], setting: Setting): Promise<Map<Need, readonly string[]>> {
  await setting.hands.refreshLists();
  const plan = new Map<Need, readonly string[]>();
  for (const need of wanting) {
    const packages = await packagesOf(need, setting);
    if (packages.length > 0) plan.set(need, packages);
  }
  return plan;
}

/** The packages that may be installed for a need without disturbing anything; where there are none, the story says why. */
async function packagesOf(need: Need, { hands, story }: Setting): Promise<readonly string[]> {
  const [running] = hands.running(need.programFolders ?? []);
  if (running !== undefined) {
    story.get(need)?.push(`not upgraded with apt: ${running} is running`);
    return [];
  }
  const packages = (await need.packages?.()) ?? [];
  if (!(await hands.wouldRemove(packages))) return packages;
  story.get(need)?.push('not installed with apt: that would remove other packages');
  return [];
}

async function getPrivately(need: Need, { machine, hands, tools, story }: Setting): Promise<void> {
  if (isMet(need, tools)) return;
  for (const way of need.ways.filter((candidate) => candidate.possible(machine))) {
    hands.say(`… ${need.label.padEnd(LABEL_WIDTH)} being ${way.did}`);
    try {
      await way.get(machine);
      story.get(need)?.push(way.did);
      if (isMet(need, await hands.search())) return;
    } catch (error) {
      story.get(need)?.push(`not ${way.did}: ${messageOf(error)}`);
    }
  }
}

function describeNeed(need: Need, { machine, tools, story }: Setting): string {
  const label = need.label.padEnd(LABEL_WIDTH);
  const told = story.get(need) ?? [];
  if (!isMet(need, tools)) return `✘ ${label} ${told.join('; ')}. ${advice(need, machine)}`;
  const [program = ''] = need.programs;
  const tool = tools.all(program).find((candidate) => need.accepts(candidate));
  return `✔ ${label} ${tool === undefined ? '' : summary(tool)}${told.length === 0 ? '' : ` · ${told.join('; ')}`}`;
}

/** `pg_dump 15.20 in /usr/lib/postgresql/15/bin`, and a warning for what is only good for a trial. */
function summary(tool: Tool): string {
  const folder = tool.path.slice(0, tool.path.lastIndexOf('/'));
  const warning = tool.ok ? '' : ` (below the floor ${tool.floor}: only for a trial on the sample)`;
  return `${tool.name} ${tool.version} in ${folder}${warning}`;
}

/** Why what is there will not do. */
function cause(need: Need, tools: Toolbox): string {
  const missing = need.programs.filter((program) => !tools.all(program).some((tool) => need.accepts(tool)));
  const unfit = tools.all(missing[0] ?? '')[0];
  if (unfit === undefined) return `${missing.join(', ')} not found`;
  if (unfit.ok) return `${unfit.path} is ${unfit.flavour} ${unfit.version}`;
  return `${unfit.path} ${unfit.version} is below the floor ${unfit.floor}, and ${unfit.reason}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
