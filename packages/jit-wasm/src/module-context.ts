/** What the functions of one module share: the writer, the program, numbers of functions, addresses in the arena. */
import { type Image } from '@polybpf/interpreter/engine';
import type { Flow, Levels } from './flow.ts';
import type { Liveness } from './liveness.ts';
import { ALL_REGISTERS } from './liveness.ts';
import { FIRST_DEFINED } from './pointers.ts';
import { W, type WasmWriter } from './wasm-writer.ts';
import { SCRATCH } from './scratch.ts';

/** What does not change while a program's machine lives, and is written into the code. */
export interface Binding {
  readonly image: Image;
  /** Byte address of the register file. */
  readonly registers: number;
  readonly stackSize: number;
  readonly mayGotoLimit: number;
  readonly alignAtomics: boolean;
  /** Region of address space casts, 0 for none. */
  readonly arena: number;
  /** Byte addresses of the frames' saved registers and may_goto counters. */
  readonly saved: number;
  readonly loops: number;
  /** First argument of everything that is imported: who is calling. */
  readonly client: number;
}

/** What a verifier has proven of accesses: 1 by instruction, its access lies inside the region of its pointer. */
export type Facts = Uint8Array;

/** Functions that are imported: the first numbers. */
export const IMPORT_HOST = 0;
export const IMPORT_RESUME = 1;
export const FIRST_FUNCTION = 2;

/** Types: by number of registers among the parameters. */
export const TYPE_FUNCTION = 0;
export const TYPE_EXIT = 11;
export const TYPE_HOST = 22;
export const TYPE_ENTRY = 33;
export const TYPE_RESUME = 34;
export const TYPE_CALL = 35;
export const TYPE_RUN = 36;

/** The bit of an instruction number that says: the taken jump of this instruction goes nowhere. */
export const BAD_JUMP_BIT = 0x40000000;

/** One function that stores live registers and calls the host; one for each set of registers. */
export interface Spill {
  readonly mask: number;
  readonly resumes: boolean;
}

export class ModuleContext {
  readonly w: WasmWriter;
  readonly flow: Flow;
  readonly live: Liveness;
  readonly binding: Binding;
  readonly levels: Levels;
  readonly facts: Facts | undefined;
  readonly big: boolean;
  /** Number of each function by the block it starts with. */
  readonly functionAt: Map<number, number> = new Map();
  /** Whether the function (by its number) needs its frame accessible. */
  readonly usesFrame: boolean[] = [];
  readonly usesMayGoto: boolean[] = [];
  readonly spills: Spill[] = [];
  /** By number of a root, the local with its upper half in the function that is written; 0: nobody asks for it. */
  readonly tagOf: Int32Array;
  readonly #spillNumbers: Map<number, number> = new Map();
  readonly #functions: number;

  constructor(w: WasmWriter, flow: Flow, live: Liveness, binding: Binding, levels: Levels, facts: Facts | undefined) {
    this.w = w;
    this.flow = flow;
    this.live = live;
    this.binding = binding;
    this.levels = levels;
    this.facts = facts;
    this.big = flow.image.program.endian === 'big';
    this.#functions = flow.entries.length;
    this.tagOf = SCRATCH.ints(flow.length + FIRST_DEFINED + 1);
  }

  /** Number of the function that stores the registers of `mask` and then has the host go on. */
  spill(mask: number, resumes: boolean): number {
    const key = (mask & ALL_REGISTERS) | (resumes ? 1 << 10 : 0);
    let number = this.#spillNumbers.get(key);
    if (number === undefined) {
      number = FIRST_FUNCTION + 2 * this.#functions + this.spills.length;
      this.#spillNumbers.set(key, number);
      this.spills.push({ mask: mask & ALL_REGISTERS, resumes });
    }
    return number;
  }
}

/** How many registers a mask has. */
export function registerCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Result types of the numbered types; all of them are declared, they are short. */
export function emitTypes(w: WasmWriter): void {
  w.op(1);
  const size = w.openSize();
  w.u32(TYPE_RUN + 1);
  const type = (parameters: readonly number[], results: readonly number[]): void => {
    w.op(0x60);
    w.u32(parameters.length);
    for (const parameter of parameters) w.op(parameter);
    w.u32(results.length);
    for (const result of results) w.op(result);
  };
  const registers = (count: number): number[] => new Array<number>(count).fill(W.i64);
  for (let k = 0; k <= 10; k++) type([...registers(k), W.i32, W.i64], [W.i64, W.i64]);
  for (let k = 0; k <= 10; k++) type([...registers(k), W.i64, W.i32, W.i32], [W.i64, W.i64]);
  for (let k = 0; k <= 10; k++) type([...registers(k), W.i64, W.i32, W.i32], [W.i32]);
  type([W.i32], []);
  type([W.i32, W.i32, W.i32], []);
  type([W.i32, W.i32, W.i32], [W.i32]);
  type([W.i32], [W.i64]);
  w.closeSize(size);
}
