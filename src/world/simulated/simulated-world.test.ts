import { worldContract } from '../../ports/world.contract.ts';
import { createSimulatedWorld } from './index.ts';

let seed = 0;

worldContract('simulated world', () => {
  const world = createSimulatedWorld(++seed);
  const folder = '/data';
  world.files.makeFolder(folder);
  return { world, folder, inTime: (promise) => world.agenda.settle(promise), powerCut: () => world.disk.crash() };
});
