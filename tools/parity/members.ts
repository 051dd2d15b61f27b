/** Members of structs of functions, through the live kernel and our verifier. `members.ts COUNT SEED` */
import { run } from './kernel-calls.ts';
import { memberProgram, MEMBERS } from './member-programs.ts';

run(MEMBERS, memberProgram);
