/** Functions with arguments of all types and tags, through the live kernel and our verifier. `tagged.ts COUNT SEED` */
import { run } from './kernel-calls.ts';
import { TAGGED, taggedProgram } from './tagged-programs.ts';

run(TAGGED, taggedProgram);
