/**
 * `npm run tour`: the service as `npm start` starts it, shown from the sign-in to the audit chain. Prints each request and
 * its answer, shortened, without its secrets. Ends with 1 on anything that is not as it must be, and leaves nothing behind.
 */
import { makeNarrator } from './tour/narrator.ts';
import { STOPS } from './tour/stops.ts';
import { openTour } from './tour/tour.ts';
import { openWorld, type World } from './tour/world.ts';

const narrator = makeNarrator((line) => console.log(line));
const started = Date.now();

async function walk(world: World): Promise<void> {
  const tour = await openTour(world, narrator);
  for (const stop of STOPS) {
    narrator.heading(stop.title);
    await stop.visit(tour);
  }
}

const opening = openWorld();
const onSignal = () => {
  void opening.then((opened) => opened.close()).finally(() => process.exit(130));
};
process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
const world = await opening;
try {
  await walk(world);
  console.log(`\n${STOPS.length} stops, all as they must be, in ${((Date.now() - started) / 1000).toFixed(0)} s`);
} catch (error) {
  console.log(`\n✘ ${error instanceof Error ? error.stack : String(error)}`);
  process.exitCode = 1;
} finally {
  await world.close();
}
