/**
 * The driver that all targets share: analyse, select, assign registers, lower, peephole, layout, encode.
 */
import { BpfError } from '@polybpf/errors';
import type { Program, ProgramRelocation } from '@polybpf/isa';
import { findAlignments } from './alignment.ts';
import {
  type Analysis,
  analyseInto,
  clearSlotTables,
  type FunctionAnalysis,
  makeSlotTables,
  type SlotTables,
} from './analyse.ts';
import { assignRegisters } from './assign.ts';
import { type CodeRelocation, layOutOwned } from './layout.ts';
import { lowerLegal, routerOf } from './legalise.ts';
import type { HelperCalls, LowerContext } from './lower-context.ts';
import { ALIGN, DATA64, LABEL, makeNode, type MachineNode } from './node.ts';
import { ALWAYS_LIVE, sandboxWriter, type SandboxWriter } from './lower-sandbox.ts';
import { blankOp, type CodeSymbol, FRAME, NO_REG, type Op } from './op.ts';
import { confine } from './sandbox.ts';
import { ARENA_BITS, REACH_BYTES, WIDE_REACH_BYTES } from './sandbox-layout.ts';
import { select } from './select.ts';
import type { FunctionInfo, Target } from './target.ts';

export interface CompileOptions {
  /** How helper calls reach their helpers; default: relocations. */
  readonly helperCalls?: HelperCalls;
  /**
   * `none`: accesses are not checked, as in the kernel, for programs that a verifier has passed; the default. `sandbox`:
   * every access is confined to the arena, see sandbox-layout.ts.
   */
  readonly bounds?: Bounds;
  /** With `sandbox`: the arena has 2 to the power of this many bytes, 17 to 40; default 28. */
  readonly arenaBits?: number;
  /** With `sandbox`: WIDE_GUARD_BYTES above the arena are not mapped, so indices of 32 bits need no checks. Not for CPUs of 32 bits. */
  readonly wideGuard?: boolean;
  /** With `sandbox`: by instruction, 1 for accesses that a verifier has proven, which are not checked. */
  readonly proven?: Uint8Array;
}

/** Whether memory accesses of compiled code are checked. */
export type Bounds = 'none' | 'sandbox';

/** A function inside compiled code. */
export interface CompiledFunction {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** Hardware register of r0..r9, -1 for r10, then scratch: for listings and debuggers. */
  readonly registers: readonly number[];
  /** Bytes that the function's prologue takes off the stack pointer. */
  readonly frameSize: number;
}

/** Machine code of one program, position independent, with what a loader or linker must still fill in. */
export interface CompiledProgram {
  readonly name: string;
  readonly target: Target;
  readonly program: Program;
  readonly bounds: Bounds;
  readonly code: Uint8Array;
  readonly relocations: readonly CodeRelocation[];
  /** In order of offset; the first is the entry, at offset 0. */
  readonly functions: readonly CompiledFunction[];
  /** Code offset of each BPF insn index; -1 for slots without code of their own. */
  readonly insnOffsets: Int32Array;
  /** The machine instructions, for listings. */
  readonly nodes: readonly MachineNode[];
  readonly nodeOffsets: Int32Array;
  readonly labelOffsets: Int32Array;
}

const NO_REGISTERS: readonly number[] = [];
const NO_ADDRESSES: Uint8Array = new Uint8Array(0);

/** Labels of one compilation and the literals they stand for. */
interface Pools {
  labels: number;
  readonly literals: Map<string, MachineNode>;
  /** Labels of routines by name. */
  readonly routines: Map<string, number>;
}

/**
 * Compiles a program for a CPU.
 *
 * @throws BpfError `E_JIT_PROGRAM` when byte orders differ or control leaves a function, `E_UNSUPPORTED` for what the
 * target lacks, `E_JIT_BRANCH_RANGE`, `E_DECODE_*` for unknown instructions
 */
export function compile(program: Program, target: Target, options: CompileOptions = {}): CompiledProgram {
  if (program.endian !== target.endian) {
    throw new BpfError('E_JIT_PROGRAM', `byte order of the program for ${target.name}`, { expected: `${target.endian}-endian`, got: `${program.endian}-endian` }); // prettier-ignore
  }
  const { wordBits = 64 } = target;
  const analysis = analyseInto(slotTables(program.insns.length), program, wordBits);
  const relocationOf = new Map<number, ProgramRelocation>(
    program.relocations.map((relocation) => [relocation.insn, relocation]),
  );
  // Labels below insns.length are the insn indices themselves.
  const pools: Pools = { labels: program.insns.length, literals: new Map(), routines: new Map() };
  let nodes: MachineNode[] = [];
  const infos: { info: FunctionInfo; label: number; frameSize: number }[] = [];
  const selectOptions = { bigEndian: target.endian === 'big', partialLoads: target.partialLoads === true, wordBits };
  const helperCalls: HelperCalls = options.helperCalls ?? { kind: 'relocation' };
  const newLabel = (): number => pools.labels++;
  const pooledLiteral: LowerContext['literal'] = (low, high) =>
    literal(pools, `${low | 0},${high | 0}`, makeNode(DATA64, [low | 0, high | 0]));
  const pooledSymbol: LowerContext['symbolLiteral'] = (symbol, addend) => symbolLiteral(pools, symbol, addend);
  const arenaBits = options.bounds === 'sandbox' ? checkArenaBits(options.arenaBits ?? ARENA_BITS) : 0;
  const reach = options.wideGuard === true && wordBits === 64 ? WIDE_REACH_BYTES : REACH_BYTES;
  const addresses = target.strictAlignment === true ? findAlignments(analysis) : NO_ADDRESSES;
  for (const fn of analysis.functions) {
    const selected = select(analysis, fn, relocationOf, selectOptions);
    const { ops, registers } = arenaBits > 0 ? confine(fn, selected, program.maps, arenaBits, wordBits, options.proven, reach) : { ops: selected, registers: NO_REGISTERS }; // prettier-ignore
    const { info, assignedOps } = describe(fn, target, ops, registers, pools, analysis);
    const frame = target.planFrame(info);
    if (target.codeAlignment > 1 && nodes.length > 0) nodes.push(makeNode(ALIGN, [target.codeAlignment]));
    const label = pools.labels++;
    const head = makeNode(LABEL, NO_OPERANDS, label);
    const cx: LowerContext = {
      target,
      helperCalls,
      fn: info,
      frame,
      nodes: [],
      notes: new Map(),
      insn: NO_REG,
      liveAfter: 0,
      addresses,
      newLabel,
      routine: (name) => routineLabel(pools, name),
      literal: pooledLiteral,
      symbolLiteral: pooledSymbol,
    };
    const sandbox = arenaBits > 0 ? sandboxWriter(cx, registers, arenaBits, analysis.functions) : undefined;
    lowerFunction(cx, fn, assignedOps, analysis, sandbox);
    const lowered = target.peephole(cx.nodes);
    if (nodes.length === 0) {
      // Most programs have one function, whose list need not be copied.
      nodes = lowered;
      nodes.unshift(head);
    } else {
      nodes.push(head);
      for (let i = 0; i < lowered.length; i++) nodes.push(lowered[i]!);
    }
    infos.push({ info, label, frameSize: frame.size });
  }
  for (const [name, label] of pools.routines) {
    nodes.push(makeNode(LABEL, [], label), ...target.routine!(name, newLabel));
  }
  if (pools.literals.size > 0) {
    nodes.push(makeNode(ALIGN, [8]));
    for (const node of pools.literals.values()) nodes.push(makeNode(LABEL, [], node.label), { ...node, label: NO_REG });
  }
  const laidOut = layOutOwned(target, nodes, pools.labels, program.insns.length);
  return {
    name: program.name,
    target,
    program,
    bounds: options.bounds ?? 'none',
    code: laidOut.code,
    relocations: laidOut.relocations,
    functions: infos.map(({ info, label, frameSize }, k) => {
      const offset = laidOut.labelOffsets[label]!;
      const nextLabel = infos[k + 1]?.label;
      const end = nextLabel === undefined ? laidOut.code.length : laidOut.labelOffsets[nextLabel]!;
      return { name: info.name, offset, size: end - offset, registers: info.registers, frameSize };
    }),
    insnOffsets: laidOut.insnOffsets,
    nodes: laidOut.nodes,
    nodeOffsets: laidOut.offsets,
    labelOffsets: laidOut.labelOffsets,
  };
}

/** Slots that compilations have arrays for, which they use in turn. */
const SHARED_SLOTS = 4096;
/** Nothing keeps an analysis when its program is compiled. */
const SHARED_TABLES: SlotTables = /* @__PURE__ */ makeSlotTables(SHARED_SLOTS);

function slotTables(count: number): SlotTables {
  if (count > SHARED_SLOTS) return makeSlotTables(count);
  clearSlotTables(SHARED_TABLES, count);
  return SHARED_TABLES;
}

function routineLabel(pools: Pools, name: string): number {
  let label = pools.routines.get(name);
  if (label === undefined) pools.routines.set(name, (label = pools.labels++));
  return label;
}

function checkArenaBits(bits: number): number {
  if (Number.isInteger(bits) && bits >= 17 && bits <= 40) return bits;
  throw new BpfError('E_INPUT', 'arenaBits', { expected: 'an integer from 17 to 40', got: String(bits) });
}

function literal(pools: Pools, key: string, node: MachineNode): number {
  const known = pools.literals.get(key);
  if (known !== undefined) return known.label;
  node.label = pools.labels++;
  pools.literals.set(key, node);
  return node.label;
}

function symbolLiteral(pools: Pools, symbol: CodeSymbol, addend: number): number {
  const node = makeNode(DATA64, [0, 0]);
  node.symbol = symbol;
  node.addend = addend;
  return literal(pools, `${JSON.stringify(symbol)}+${addend}`, node);
}

/** Registers and facts of a function; when r0 and r1 share a register, ops name it r0 only. */
function describe(
  fn: FunctionAnalysis,
  target: Target,
  ops: Op[],
  extra: readonly number[],
  pools: Pools,
  analysis: Analysis,
): { info: FunctionInfo; assignedOps: Op[] } {
  // A fused op that reads r1 as its second operand while it writes r0 would make them meet after all.
  const meets = fn.r0MeetsR1 || ops.some((op) => (op.d === 0 && op.b === 1) || (op.d === 1 && op.b === 0));
  // With FRAME nothing accesses the machine's stack through r10.
  const own = extra.includes(FRAME) ? { ...fn, frameAccesses: 0, frameAddressTaken: false } : fn;
  const assignment =
    target.assign?.(own, ops, analysis, extra) ??
    assignRegisters({ ...own, r0MeetsR1: meets }, target.registers, extra);
  if (assignment.sharesR0R1) {
    for (const op of ops) {
      if (op.d === 1) op.d = 0;
      if (op.a === 1) op.a = 0;
      if (op.b === 1) op.b = 0;
    }
  }
  const info: FunctionInfo = {
    name: fn.name,
    start: fn.start,
    end: fn.end,
    epilogueLabel: pools.labels++,
    hasCalls: fn.hasCalls,
    hasTailCall: fn.hasTailCall,
    hasMayGoto: fn.hasMayGoto,
    stackDepth: fn.stackDepth,
    frameAddressTaken: own.frameAddressTaken,
    frameAccesses: own.frameAccesses,
    registers: assignment.registers,
    usedCalleeSaved: assignment.usedCalleeSaved,
    usedRegisters: extra.reduce((mask, register) => mask | (1 << register), fn.usedRegisters),
    entryRegisters: fn.entryRegisters,
    writtenRegisters: fn.writtenRegisters,
    exits: fn.exits,
  };
  return { info, assignedOps: ops };
}

function lowerFunction(
  cx: LowerContext,
  fn: FunctionAnalysis,
  ops: Op[],
  { liveOut, isTarget, isLoopHead }: Analysis,
  sandbox: SandboxWriter | undefined,
): void {
  const { target, fn: info, nodes } = cx;
  const router = routerOf(target);
  const inlineExit = target.inlineEpilogue(info, cx.frame);
  const shares = info.registers[0] === info.registers[1];
  let usesSharedEpilogue = false;
  // Calls of this function go to the label of its first insn: bound before the prologue, while a loop back to the first
  // insn must skip it, so jumps there get a label of their own.
  const bodyLabel = isTarget[fn.start] === 1 ? cx.newLabel() : NO_REG;
  nodes.push(makeNode(LABEL, NO_OPERANDS, fn.start));
  let unbound = fn.start + 1;
  target.prologue(cx);
  sandbox?.enter();
  if (bodyLabel !== NO_REG) nodes.push(makeNode(LABEL, LOOP_HEAD, bodyLabel, fn.start));
  // Falls off its end after a call that was not expected to return: see `analyse`.
  const fallsOff = ops[ops.length - 1]?.kind !== 'jump';
  for (let k = 0; k < ops.length; k++) {
    const op = ops[k]!;
    // A collection of garbage need not copy what is done with.
    ops[k] = DONE;
    unbound = bindUpTo(nodes, isTarget, isLoopHead, unbound, op.insn);
    cx.insn = op.insn;
    const live = liveOut[op.insn]! & 0x7ff;
    cx.liveAfter = shares && (live & 3) !== 0 ? live | 3 : live;
    if (sandbox !== undefined) {
      cx.liveAfter |= ALWAYS_LIVE;
      if (op.kind === 'check') {
        sandbox.check(op);
        continue;
      }
      if (op.kind === 'call_register') sandbox.checkCallee(op);
    }
    if (op.kind === 'jump' && op.label === NO_REG) {
      if (k === ops.length - 1) {
        // The last exit falls through into the shared epilogue when there is one.
        if (!usesSharedEpilogue) target.epilogue(cx);
      } else if (inlineExit) {
        target.epilogue(cx);
      } else {
        usesSharedEpilogue = true;
        op.label = info.epilogueLabel;
        lowerLegal(cx, op, router);
      }
      continue;
    }
    if (bodyLabel !== NO_REG && op.label === fn.start && isJump(op)) op.label = bodyLabel;
    lowerLegal(cx, op, router);
  }
  bindUpTo(nodes, isTarget, isLoopHead, unbound, fn.end - 1);
  if (fallsOff && !usesSharedEpilogue) target.epilogue(cx);
  if (usesSharedEpilogue) {
    nodes.push(makeNode(LABEL, [], info.epilogueLabel));
    target.epilogue(cx);
  }
  sandbox?.finish();
}

/** Operands of a label that later nodes go back to. */
const LOOP_HEAD: readonly number[] = [1];
const NO_OPERANDS: readonly number[] = [];
/** In place of ops that have been lowered. */
const DONE: Op = /* @__PURE__ */ blankOp('jump', NO_REG);

/** Defines the labels of the jump targets from `unbound` to `insn`; returns the next one. */
function bindUpTo(
  nodes: MachineNode[],
  isTarget: Uint8Array,
  isLoopHead: Uint8Array,
  unbound: number,
  insn: number,
): number {
  for (; unbound <= insn; unbound++) {
    if (isTarget[unbound] === 1)
      nodes.push(makeNode(LABEL, isLoopHead[unbound] === 1 ? LOOP_HEAD : NO_OPERANDS, unbound, unbound));
  }
  return unbound;
}

function isJump({ kind }: Op): boolean {
  return kind === 'jump' || kind === 'branch' || kind === 'may_goto';
}
