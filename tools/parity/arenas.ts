/** Arenas, through the live kernel and our verifier. `arenas.ts COUNT SEED` */
import { ARENAS, arenaProgram } from './arena-programs.ts';
import { run } from './kernel-calls.ts';

run(ARENAS, arenaProgram);
