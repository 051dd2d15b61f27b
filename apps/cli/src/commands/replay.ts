/** `polybpf replay`: runs a recording again and says whether everything came out the same. */
import { tracepoint as kernelTracepoint } from '@polybpf/helpers/tracepoints';
import { replayRecording } from '@polybpf/runtime';
import { parseRecording } from '../event-schema.ts';
import { readInput } from '../files.ts';
import { printJson, printLine } from '../print.ts';

export interface ReplayFlags {
  readonly json?: boolean;
}

/**
 * Runs the command.
 *
 * @returns false when something differs
 */
export function runReplay(path: string, flags: ReplayFlags): boolean {
  const recording = parseRecording(new TextDecoder().decode(readInput(path)), path);
  const { steps, differences, results } = replayRecording(recording, kernelTracepoint);
  if (flags.json === true) printJson({ steps, differences, results });
  else {
    for (const { step, what, recorded, replayed } of differences) {
      printLine(`${step === null ? 'end' : `step ${step}`}: ${what}: recorded ${recorded}, replayed ${replayed}`);
    }
    printLine(`${steps} steps, ${differences.length} differences`);
  }
  return differences.length === 0;
}
