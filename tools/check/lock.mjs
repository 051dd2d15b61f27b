// `npm run check:lock`: can `npm ci` succeed on any machine with this lock file?
import { readFileSync } from 'node:fs';
import { lockProblems } from './lock-problems.mjs';

const file = new URL('../../package-lock.json', import.meta.url);
const problems = lockProblems(JSON.parse(readFileSync(file, 'utf8')));
for (const problem of problems) console.error(`package-lock.json: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
