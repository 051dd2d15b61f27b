/** `polybpf compile --target wasm`: a WebAssembly module of its own for each program. */
import { basename, join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { formatHex } from '@polybpf/conformance';
import { BpfError } from '@polybpf/errors';
import type { Program } from '@polybpf/isa';
import { compileToWasm, type WasmProgram } from '@polybpf/jit-wasm';
import { basicHelpers } from '../basic-helpers.ts';
import { writeOutput } from '../files.ts';
import { formatTable, printJson, printLine } from '../print.ts';
import type { CompileFlags } from './compile.ts';

/** Runs the command for the target `wasm`. */
export function compileWasm(
  path: string,
  flags: CompileFlags,
  programs: readonly Program[],
  proven: readonly Uint8Array[] = [],
): boolean {
  for (const name of ['header', 'map', 'abi', 'cpu', 'bounds'] as const) {
    if (flags[name] !== undefined) throw new BpfError('E_USAGE', `--${name} is not for --target wasm`);
  }
  if (flags.format !== undefined && flags.format !== 'raw') {
    throw new BpfError('E_USAGE', '--format', { expected: 'raw: a module is one file', got: flags.format });
  }
  const stem = basename(path === '-' ? 'stdin' : path).replace(/\.[^.]*$/, '');
  const outputs = programs.map((program, i) => {
    const facts = proven[i] === undefined ? {} : { facts: proven[i] };
    const module = compileToWasm(program, { helpers: basicHelpers(), ...facts });
    return { program, module, file: fileOf(stem, flags.output, program, programs.length) };
  });
  for (const { module, file } of outputs) {
    if (flags.json === true && flags.output === undefined) continue;
    if (flags.output?.endsWith('/') === true) mkdirSync(flags.output, { recursive: true });
    writeOutput(file, module.bytes);
  }
  if (flags.json === true) printJson({ outputs: [documentOf(outputs, flags)] });
  else if (outputs.every(({ file }) => file !== '-')) {
    const rows = outputs.map(({ program, module, file }) => [program.name, String(module.bytes.length), module.needsHost ? 'bpf.host' : '-', file]); // prettier-ignore
    printLine(formatTable([['PROGRAM', 'BYTES', 'NEEDS', 'FILE'], ...rows]));
  }
  return true;
}

function fileOf(stem: string, output: string | undefined, program: Program, count: number): string {
  const name = count === 1 ? `${stem}.wasm` : `${stem}.${program.name}.wasm`;
  if (output === undefined) return name;
  if (output.endsWith('/')) return join(output, name);
  if (count === 1) return output;
  throw new BpfError('E_USAGE', 'a module holds one program', {
    expected: '--prog, or a folder with a slash behind it',
  });
}

function documentOf(
  outputs: readonly { readonly program: Program; readonly module: WasmProgram; readonly file: string }[],
  flags: CompileFlags,
): object {
  return {
    target: 'wasm',
    status: 'done',
    file: flags.output ?? null,
    format: 'raw',
    programs: outputs.map(({ program, module }) => ({
      name: program.name,
      insns: program.insns.length,
      codeBytes: module.bytes.length,
      code: formatHex(module.bytes),
      relocations: [],
      functions: [],
    })),
  };
}
