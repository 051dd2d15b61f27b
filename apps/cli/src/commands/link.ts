/** `polybpf link`: several objects as one. */
import { linkObjects, loadObject } from '@polybpf/loader';
import { readInput, writeOutput } from '../files.ts';
import { printJson } from '../print.ts';

export interface LinkFlags {
  readonly output: string;
  readonly json?: boolean;
}

/** Runs the command. */
export function runLink(paths: readonly string[], flags: LinkFlags): void {
  const linked = linkObjects(paths.map((name) => ({ name, bytes: readInput(name) })));
  const object = loadObject(linked);
  writeOutput(flags.output, linked);
  if (flags.json !== true) return;
  printJson({
    output: flags.output,
    endian: object.endian,
    size: linked.length,
    programs: object.programs.map(({ name }) => name),
    maps: object.maps.map(({ name }) => name),
    unresolved: [...new Set(object.unresolved.map(({ symbol }) => symbol))],
  });
}
