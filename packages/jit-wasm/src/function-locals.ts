/** The locals of one compiled function: parameters, registers, what is known of roots, temporaries. */
import { NONE } from './flow.ts';
import type { Limit, Pointers } from './pointers.ts';
import { W, type WasmWriter } from './wasm-writer.ts';
import { SCRATCH } from './scratch.ts';

/** Locals of one root: upper half of its addresses, host address of its region, limits by use. */
export interface RootLocals {
  readonly root: number;
  readonly tag: number;
  readonly host: number;
  readonly limits: readonly (Limit & { readonly local: number })[];
}

/** Numbers of locals. Parameters are the live registers in order, then the depth, then what is left of the budget. */
export interface Locals {
  readonly parameters: readonly number[];
  /** Local of r0 to r10; that of r10 is {@link NONE} when its value is not needed. */
  readonly registers: Int32Array;
  readonly depth: number;
  readonly fuel: number;
  /** i64 temporaries. */
  readonly a: number;
  readonly b: number;
  /** i32 temporaries. */
  readonly t: number;
  readonly u: number;
  /** First of the i64 locals of the frame's slots. */
  readonly slots: number;
  /** Region of the frame, for those that must not write into it. */
  readonly region: number;
  /** Host address of the frame. */
  readonly frame: number;
  /** First of the i32 locals that groups of a block take in turn. */
  readonly groups: number;
  readonly roots: ReadonlyMap<number, RootLocals>;
  readonly wide: number;
  readonly narrow: number;
}

/** Hands out the locals of a function whose parameters are the registers of `mask`. */
export function layOutLocals(mask: number, pointers: Pointers, slotCount: number): Locals {
  const registers = SCRATCH.ints(11, NONE);
  const parameters: number[] = [];
  for (let r = 0; r < 10; r++) {
    if ((mask & (1 << r)) === 0) continue;
    registers[r] = parameters.length;
    parameters.push(r);
  }
  const depth = parameters.length;
  const fuel = depth + 1;
  let next = fuel + 1;
  const firstWide = next;
  for (let r = 0; r < 10; r++) if (registers[r] === NONE) registers[r] = next++;
  if (pointers.frameValue) registers[10] = next++;
  const a = next++;
  const b = next++;
  const slots = next;
  next += slotCount;
  // Their i64 locals here, their i32 locals behind all of those.
  const roots = new Map<number, RootLocals>();
  const planned: { host: number }[] = [];
  for (const [root, limits] of pointers.limits) {
    const own = {
      root,
      tag: next++,
      host: NONE,
      limits: limits.map(({ kind, span }) => ({ kind, span, local: next++ })),
    };
    planned.push(own);
    roots.set(root, own);
  }
  const firstNarrow = next;
  const t = next++;
  const u = next++;
  const frame = next++;
  const region = next++;
  const groups = next;
  next += pointers.groupLocals;
  for (const root of planned) root.host = next++;
  return { parameters, registers, depth, fuel, a, b, t, u, slots, region, frame, groups, roots, wide: firstNarrow - firstWide, narrow: next - firstNarrow }; // prettier-ignore
}

/** Declares the locals behind the parameters. */
export function declareLocals(w: WasmWriter, { wide, narrow }: Locals): void {
  w.u32(2);
  w.u32(wide);
  w.op(W.i64);
  w.u32(narrow);
  w.op(W.i32);
}
