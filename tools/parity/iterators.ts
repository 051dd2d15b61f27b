/** Open-coded iterators of all kinds, through the live kernel and our verifier. `iterators.ts COUNT SEED` */
import { run } from './kernel-calls.ts';
import { ITERATORS, iteratorProgram } from './iterator-programs.ts';

run(ITERATORS, iteratorProgram);
