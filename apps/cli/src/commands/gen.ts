/** `polybpf gen ts`: a TypeScript module for an object. */
import { basename } from 'node:path';
import { BpfError } from '@polybpf/errors';
import { generateTypeScript, type LoadedObject, loadObject } from '@polybpf/loader';
import type { Command } from 'commander';
import { readInput, writeOutput } from '../files.ts';
import { printJson } from '../print.ts';

interface GenFlags {
  readonly output?: string;
  readonly twin?: string;
  readonly type: readonly string[];
  readonly json?: boolean;
}

/** Adds the sub-commands. */
export function addGenCommands(gen: Command): void {
  gen
    .command('ts')
    .description('TypeScript with the programs, maps, variables and types of an object, and the object itself')
    .exitOverride()
    .option('--json', 'print one JSON document; schemas/gen-ts.schema.json in the package describes it')
    .argument('<OBJ>', 'ELF object')
    .option('-o, --output <FILE>', 'output file; standard output unless told')
    .option('--twin <OBJ>', 'the same source compiled for the other byte order, to be embedded too')
    .option(
      '--type <NAME>',
      'print this type too; may be given again',
      (value, previous: string[]) => [...previous, value],
      [],
    ) // prettier-ignore
    .action((file: string, flags: GenFlags) => runGenTs(file, flags));
}

function runGenTs(path: string, flags: GenFlags): void {
  const bytes = readInput(path);
  const object = loadObject(bytes);
  const twin = flags.twin === undefined ? undefined : readTwin(flags.twin, object);
  const own = object.endian === 'little' ? { little: bytes } : { big: bytes };
  const other = twin === undefined ? {} : object.endian === 'little' ? { big: twin } : { little: twin };
  const text = generateTypeScript(object, { source: basename(path), bytes: { ...own, ...other }, types: flags.type });
  if (flags.json === true) {
    if (flags.output !== undefined) writeOutput(flags.output, text);
    printJson({
      file: flags.output ?? null,
      programs: object.programs.map(({ name }) => name),
      maps: object.maps.filter(({ kind }) => kind === 'map').map(({ name }) => name),
      globals: [...new Set(object.variables.map(({ name }) => name))],
      types: [...text.matchAll(/^export (?:class|type) (\w+?)(?:View)?\b/gm)].map(([, name]) => name!),
      endians: Object.keys({ ...own, ...other }).sort(),
      text: flags.output === undefined ? text : null,
    });
    return;
  }
  writeOutput(flags.output ?? '-', text);
}

/** The codecs serve both objects, so that what user space sees of them must be the same. */
function readTwin(path: string, object: LoadedObject): Uint8Array {
  const bytes = readInput(path);
  const twin = loadObject(bytes);
  if (twin.endian === object.endian) {
    throw new BpfError('E_INPUT', `${path} has the byte order of the first object`, { expected: object.endian === 'little' ? 'big' : 'little', got: twin.endian }); // prettier-ignore
  }
  const face = ({ programs, maps, variables }: LoadedObject): string =>
    JSON.stringify([
      programs.map(({ name, section }) => [name, section]),
      maps.map(({ name, type, keySize, valueSize, maxEntries }) => [name, type, keySize, valueSize, maxEntries]),
      variables.map(({ name, offset, size }) => [name, offset, size]),
    ]);
  if (face(twin) === face(object)) return bytes;
  throw new BpfError('E_INPUT', `${path} is another program`, { expected: 'the same programs, maps and variables' });
}
