import { alarm } from './stops/alarm.ts';
import { channels } from './stops/channels.ts';
import { audit, house } from './stops/house.ts';
import { places } from './stops/places.ts';
import { download, restore } from './stops/restore.ts';
import { retention } from './stops/retention.ts';
import { proofs, schedules } from './stops/schedules.ts';
import { signIn } from './stops/sign-in.ts';
import type { Stop } from './tour.ts';

/** In this order: each builds on those before it. */
export const STOPS: readonly Stop[] = [
  signIn,
  places,
  channels,
  schedules,
  proofs,
  retention,
  restore,
  download,
  alarm,
  audit,
  house,
];
