/** FILE of the command line: an ELF object, raw bytes, hex text or assembly, found by content. */
import { assemble, detectSyntax, type Syntax } from '@polybpf/asm';
import { BpfError } from '@polybpf/errors';
import { isElf } from '@polybpf/elf';
import { checkInsns, decodeInsns, type Endian, makeProgram, type Program } from '@polybpf/isa';
import { type LoadedObject, loadObject, type LoadOptions, parseKconfig } from '@polybpf/loader';
import { readTargetBtf, tryLiveBtf } from './btf-file.ts';
import { readInput } from './files.ts';

export const INPUT_KINDS = ['object', 'raw', 'hex', 'asm'] as const;
export type InputKind = (typeof INPUT_KINDS)[number];

export interface InputOptions {
  /** What FILE is; found by content when absent. */
  readonly kind?: InputKind;
  /** Byte order of raw bytes and hex text; little unless told. Assembly has none: it becomes a program of this order. */
  readonly endian?: Endian;
  readonly syntax?: Syntax;
  /** Takes programs with unknown instructions as they are, to show them. */
  readonly keepIllegal?: boolean;
  readonly kernel?: TargetKernelFlags;
  /** Takes the running kernel's types for an object with CO-RE relocations when no others are given. */
  readonly preferLiveBtf?: boolean;
}

/** The kernel that an object is to be made for, as the command line says it. */
export interface TargetKernelFlags {
  /** Files with types, the kernel's first; `live`, or `none` for no types at all. */
  readonly btf?: readonly string[];
  /** File with the kernel's configuration. */
  readonly kconfig?: string;
}

/** What FILE holds. */
export interface Input {
  readonly kind: InputKind;
  readonly programs: readonly Program[];
  /** For `object`. */
  readonly object?: LoadedObject;
  /** The file itself, for `object`. */
  readonly bytes?: Uint8Array;
  /** Whether the byte order is part of the file, as in an object, or can be chosen, as for assembly. */
  readonly fixedOrder: boolean;
}

/**
 * Reads FILE.
 *
 * @throws BpfError `E_INPUT` when it cannot be read, `E_ELF_*`, `E_LOAD_*`, `E_ASM_*`, `E_DECODE_*` for its contents
 */
export function readProgramFile(path: string, options: InputOptions = {}): Input {
  const bytes = readInput(path);
  const kind = options.kind ?? detectKind(bytes);
  const endian = options.endian ?? 'little';
  switch (kind) {
    case 'object': {
      const object = loadForKernel(bytes, options);
      return { kind, programs: object.programs, object, bytes, fixedOrder: true };
    }
    case 'asm': {
      const text = decodeText(bytes, path);
      const program = assemble(text, { endian, syntax: options.syntax ?? detectSyntax(text), file: path });
      return { kind, programs: [checked(program, options)], fixedOrder: options.endian !== undefined };
    }
    case 'hex': {
      const program = makeProgram(decodeInsns(parseHexText(decodeText(bytes, path), path), endian), { endian });
      return { kind, programs: [checked(program, options)], fixedOrder: false };
    }
    case 'raw': {
      const program = makeProgram(decodeInsns(bytes, endian), { endian });
      return { kind, programs: [checked(program, options)], fixedOrder: false };
    }
  }
}

/** Loads an object, for the kernel that the options name. */
export function loadForKernel(bytes: Uint8Array, options: InputOptions): LoadedObject {
  const { btf = [], kconfig } = options.kernel ?? {};
  const how: LoadOptions = {
    illegal: options.keepIllegal === true ? 'keep' : 'check',
    ...(kconfig === undefined ? {} : { kconfig: parseKconfig(new TextDecoder().decode(readInput(kconfig))) }),
  };
  const named = btf.filter((path) => path !== 'none');
  if (named.length > 0) return loadObject(bytes, { ...how, targetBtf: readTargetBtf(named) });
  const object = loadObject(bytes, how);
  const needsTypes = object.details.some(({ coreRelocations }) => coreRelocations.length > 0);
  if (options.preferLiveBtf !== true || btf.length > 0 || !needsTypes) return object;
  const live = tryLiveBtf();
  return live === undefined || live.endian !== object.endian ? object : loadObject(bytes, { ...how, targetBtf: live });
}

function checked(program: Program, options: InputOptions): Program {
  const problem = options.keepIllegal === true ? undefined : checkInsns(program.insns)[0];
  if (problem !== undefined) throw problem;
  return program;
}

/** Tells what bytes are: ELF by its magic, then text by having no control characters, then hex by having only digits. */
export function detectKind(bytes: Uint8Array): InputKind {
  if (isElf(bytes)) return 'object';
  const text = textOf(bytes);
  if (text === undefined || bytes.length === 0) return 'raw';
  return hexDigits(text) === undefined ? 'asm' : 'hex';
}

function textOf(bytes: Uint8Array): string | undefined {
  for (const byte of bytes) if (byte < 9 || (byte > 13 && byte < 32) || byte === 127) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function decodeText(bytes: Uint8Array, path: string): string {
  const text = textOf(bytes);
  if (text === undefined)
    throw new BpfError('E_INPUT', 'not a text', { at: { file: path }, expected: 'UTF-8 without control characters' });
  return text;
}

/** The digits of hex text, without white space and `0x` in front of words; undefined when there is anything else. */
function hexDigits(text: string): string | undefined {
  const digits = text.replace(/\b0[xX](?=[0-9a-fA-F])/g, '').replace(/[\s,]+/g, '');
  return digits.length > 0 && /^[0-9a-fA-F]+$/.test(digits) ? digits : undefined;
}

function parseHexText(text: string, path: string): Uint8Array {
  const digits = hexDigits(text);
  if (digits === undefined || digits.length % 2 !== 0) {
    const bad = /[^0-9a-fA-FxX\s,]/.exec(text);
    const before = bad === null ? text : text.slice(0, bad.index);
    const line = before.split('\n').length;
    throw new BpfError('E_INPUT', 'hex text', {
      at: { file: path, line, column: before.length - before.lastIndexOf('\n') },
      expected: 'pairs of hex digits',
      got: bad === null ? 'an odd number of digits' : JSON.stringify(bad[0]),
    });
  }
  const bytes = new Uint8Array(digits.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/**
 * The program called `name`, or the only one.
 *
 * @throws BpfError `E_LOAD_PROGRAM` when there is none of that name, or several and no name
 */
export function chooseProgram(input: Input, name: string | undefined): Program {
  const { programs } = input;
  const names = programs.map((program) => program.name);
  if (programs.length === 0) throw new BpfError('E_LOAD_PROGRAM', 'the file has no program');
  if (name === undefined) {
    if (programs.length === 1) return programs[0]!;
    throw new BpfError('E_LOAD_PROGRAM', 'the file has several programs', {
      expected: `--prog with one of ${names.join(', ')}`,
    });
  }
  const found =
    programs.find((program) => program.name === name) ?? programs.find((program) => program.section === name);
  if (found !== undefined) return found;
  throw new BpfError('E_LOAD_PROGRAM', 'program name', { expected: names.join(', '), got: name });
}

/** All programs, or the one called `name`. */
export function choosePrograms(input: Input, name: string | undefined): readonly Program[] {
  return name === undefined ? input.programs : [chooseProgram(input, name)];
}

/** A program in another byte order, where the file leaves that open; as it is otherwise. */
export function inOrder(input: Input, program: Program, endian: Endian): Program {
  return input.fixedOrder || program.endian === endian ? program : { ...program, endian };
}
