/** Loads, stores and atomics, with the check of their group and the look-up of their root. */
import { ARENA_BASES, ARENA_READ_ENDS, ARENA_REGION_LIMIT, ARENA_WRITE_ENDS, ATOMIC_OPS, CODE_START, slotWord } from '@polybpf/interpreter/engine'; // prettier-ignore
import { swapBytes } from './byte-order.ts';
import { NONE } from './flow.ts';
import type { Slot } from './frame-slots.ts';
import type { RootLocals } from './function-locals.ts';
import type { FunctionEmitter } from './function-emitter.ts';
import { MAILBOX } from './mailbox.ts';
import { CLASS, NAMES, WIDTHS } from './micro-ops.ts';
import { FRAME_ROOT, type Group, IN_FRAME, OUT_OF_FRAME, READ, WRITE } from './pointers.ts';
import { W } from './wasm-writer.ts';

const WIDE = 16;
const LOADS: Readonly<Record<string, number>> = {
  load8: W.i64_load8_u, load16: W.i64_load16_u, load32: W.i64_load32_u, load64: W.i64_load,
  load_signed8: W.i64_load8_s, load_signed16: W.i64_load16_s, load_signed32: W.i64_load32_s,
}; // prettier-ignore
/** Opcode by micro-op, 0 for what is no load; 1 for loads with sign. */
const LOAD_OPCODES: Uint8Array = /* @__PURE__ */ Uint8Array.from(NAMES, (name) => LOADS[name] ?? 0);
const SIGNED: Uint8Array = /* @__PURE__ */ Uint8Array.from(NAMES, (name) => (name.startsWith('load_signed') ? 1 : 0));
const STORES: Readonly<Record<number, number>> = { 1: W.i64_store8, 2: W.i64_store16, 4: W.i64_store32, 8: W.i64_store }; // prettier-ignore

/** Emits a load, store or atomic. Returns false when the instruction cannot succeed: the host goes on there. */
export function emitAccess(f: FunctionEmitter, i: number): boolean {
  const { code } = f.image;
  const pc = slotWord(i);
  const kind = f.flow.classes[i]!;
  const g = f.pointers.groupOf[i]!;
  if (g === OUT_OF_FRAME) {
    f.exit(i);
    return false;
  }
  const slot = f.slots.slotOf[i]!;
  if (kind === CLASS.load && slot !== NONE) {
    emitSlotRead(f, i, slot);
    return true;
  }
  const width = kind === CLASS.atomic ? ((code[pc + 6]! & WIDE) !== 0 ? 8 : 4) : WIDTHS[f.flow.ops[i]!]!;
  const group = g === IN_FRAME ? undefined : f.pointers.groups[g]!;
  if (group?.first === i) emitGroupCheck(f, group);
  if (needsAlignment(f, i, kind)) {
    if (group === undefined) {
      if ((f.pointers.offsetOf[i]! & (width - 1)) !== 0) {
        f.exit(i);
        return false;
      }
    } else emitAlignmentCheck(f, i, code[kind === CLASS.load ? pc + 2 : pc + 1]! >> 1, code[pc + 3]!, width);
  }
  const offset = group === undefined ? f.pointers.offsetOf[i]! : f.pointers.offsetOf[i]! - Math.min(0, group.min);
  if (kind === CLASS.load) {
    pushPlace(f, i, group);
    emitLoad(f, i, offset, width);
    f.setRegister(code[pc + 1]! >> 1);
  } else if (kind === CLASS.store) {
    if (slot !== NONE) emitSlotWrite(f, pc, slot, width);
    pushPlace(f, i, group);
    pushStored(f, pc);
    if (f.big) swapBytes(f.w, width, f.locals.a, f.locals.t);
    f.w.access(STORES[width]!, offset);
  } else {
    pushPlace(f, i, group);
    emitAtomic(f, pc, offset, width);
  }
  return true;
}

/** load_acquire and store_release are loads and stores that must be aligned, as atomics. */
function needsAlignment(f: FunctionEmitter, i: number, kind: number): boolean {
  if (!f.context.binding.alignAtomics) return false;
  return kind === CLASS.atomic || (f.flow.hasOrdered && f.isRare(i));
}

function emitAlignmentCheck(f: FunctionEmitter, i: number, base: number, displacement: number, width: number): void {
  const { w } = f;
  if (width === 1) return;
  f.getRegister32(base);
  if (displacement !== 0) {
    w.i32Const(displacement);
    w.op(W.i32_add);
  }
  w.i32Const(width - 1);
  w.op(W.i32_and);
  f.exitIf(i);
}

/** Register = slot. */
function emitSlotRead(f: FunctionEmitter, i: number, slot: number): void {
  const op = f.flow.ops[i]!;
  f.getRaw(11 + slot);
  const name = SIGNED[op] === 1 ? NAMES[op]! : undefined;
  if (name !== undefined)
    f.w.op(name === 'load_signed32' ? W.i64_extend32_s : name === 'load_signed16' ? W.i64_extend16_s : W.i64_extend8_s);
  f.setRegister(f.image.code[slotWord(i) + 1]! >> 1);
}

/** Slot = what is stored; a register of 8 bytes stays relative to its root. */
function emitSlotWrite(f: FunctionEmitter, pc: number, slot: number, width: number): void {
  const { w } = f;
  const word = f.image.code[pc + 2]!;
  if (width === 8) {
    if (word < CODE_START) f.getRaw(word >> 1);
    else pushStored(f, pc);
  } else if (width === 4 && word < CODE_START) {
    f.getRegister32(word >> 1);
    w.op(W.i64_extend_i32_u);
  } else {
    pushStored(f, pc);
    w.i64Const(width === 4 ? -1 : width === 2 ? 0xffff : 0xff, 0);
    w.op(W.i64_and);
  }
  w.set(f.localOf(11 + slot));
}

/** Local of slot `r` = the frame's memory. */
export function emitSlotLoad(f: FunctionEmitter, { offset, width }: Slot, r: number): void {
  const { w, locals } = f;
  w.get(locals.frame);
  w.access({ 1: W.i64_load8_u, 2: W.i64_load16_u, 4: W.i64_load32_u, 8: W.i64_load }[width]!, f.context.binding.stackSize + offset); // prettier-ignore
  if (f.big) swapBytes(w, width, locals.a, locals.t);
  w.set(f.localOf(r));
}

function pushStored(f: FunctionEmitter, pc: number): void {
  const { code } = f.image;
  const word = code[pc + 2]!;
  if (word >= CODE_START) f.w.i64Const(code[pc + 4]!);
  else f.getRegister(word >> 1);
}

/** Pushes the host address that displacements of the group count from. */
function pushPlace(f: FunctionEmitter, i: number, group: Group | undefined): void {
  const { w, locals } = f;
  if (group === undefined) {
    w.get(locals.frame);
    return;
  }
  if (group.local !== NONE && group.first !== i) {
    w.get(locals.groups + group.local);
    return;
  }
  if (group.root === NONE) w.get(locals.t);
  else {
    f.getRegister32(group.base);
    w.get(rootOf(f, group).host);
    w.op(W.i32_add);
  }
  // A displacement in the instruction is unsigned.
  if (group.min < 0) {
    w.i32Const(group.min);
    w.op(W.i32_add);
  }
  if (group.local !== NONE) w.tee(locals.groups + group.local);
}

function rootOf(f: FunctionEmitter, group: Group): RootLocals {
  return f.locals.roots.get(group.root)!;
}

function emitGroupCheck(f: FunctionEmitter, group: Group): void {
  if (group.root === NONE) return emitLookUp(f, group);
  const { w } = f;
  if (group.proven) return;
  f.getRaw(group.base);
  if (group.min !== 0) {
    w.i64Const(group.min);
    w.op(W.i64_add);
  }
  const root = rootOf(f, group);
  if (group.root === FRAME_ROOT) {
    w.get(root.tag);
    w.op(W.i64_sub);
  }
  const span = group.max - group.min;
  if (group.root === FRAME_ROOT) w.i64Const(Math.max(0, f.context.binding.stackSize - span + 1));
  else w.get(root.limits.find((limit) => limit.kind === group.kind && limit.span === span)!.local);
  w.op(W.i64_ge_u);
  f.exitIf(group.first);
}

/** Check and host address of a group without a root: T = host address of its value. */
function emitLookUp(f: FunctionEmitter, group: Group): void {
  const { w, locals } = f;
  f.getRegister(group.base);
  if (group.min !== 0) {
    w.i64Const(group.min);
    w.op(W.i64_add);
  }
  w.tee(locals.a);
  w.i64Const(32);
  w.op(W.i64_shr_u);
  w.op(W.i32_wrap_i64);
  w.tee(locals.t);
  w.i32Const(ARENA_REGION_LIMIT);
  w.op(W.i32_ge_u);
  const span = group.max - group.min;
  for (const [use, table] of [
    [READ, ARENA_READ_ENDS],
    [WRITE, ARENA_WRITE_ENDS],
  ] as const) {
    if ((group.kind & use) === 0) continue;
    w.get(locals.a);
    w.i64Const(-1, 0);
    w.op(W.i64_and);
    w.i64Const(span);
    w.op(W.i64_add);
    tableEntry(f);
    w.access(W.i64_load32_u, table);
    w.op(W.i64_gt_u);
    w.op(W.i32_or);
  }
  if ((group.kind & WRITE) !== 0 && f.slots.slots.length > 0) {
    w.get(locals.t);
    w.get(locals.region);
    w.op(W.i32_eq);
    w.op(W.i32_or);
  }
  f.exitIf(group.first);
  tableEntry(f);
  w.access(W.i32_load, ARENA_BASES);
  f.getRegister32(group.base);
  w.op(W.i32_add);
  w.set(locals.t);
}

/** Pushes the place in a table for the region in T, which may be out of range: it is not used then. */
function tableEntry({ w, locals }: FunctionEmitter): void {
  w.get(locals.t);
  w.i32Const(ARENA_REGION_LIMIT - 1);
  w.op(W.i32_and);
  w.i32Const(2);
  w.op(W.i32_shl);
}

/** Looks up the region of the root that is in register `r`. */
export function emitRoot(f: FunctionEmitter, id: number, r: number): void {
  const root = f.locals.roots.get(id);
  if (root === undefined || id === FRAME_ROOT) return;
  const { w, locals } = f;
  f.getRaw(r);
  w.i64Const(0, -1);
  w.op(W.i64_and);
  w.set(root.tag);
  // No such region: region 0, which has no bytes.
  f.getRaw(r);
  w.i64Const(32);
  w.op(W.i64_shr_u);
  w.op(W.i32_wrap_i64);
  w.tee(locals.t);
  w.i32Const(0);
  w.get(locals.t);
  w.i32Const(ARENA_REGION_LIMIT);
  w.op(W.i32_lt_u);
  if (f.slots.slots.length > 0 && root.limits.some(({ kind }) => (kind & WRITE) !== 0)) {
    // The frame itself, by a number that was not made from r10: its slots must not be written so.
    w.get(locals.t);
    w.get(locals.region);
    w.op(W.i32_ne);
    w.op(W.i32_and);
  }
  w.op(W.select);
  w.i32Const(2);
  w.op(W.i32_shl);
  w.tee(locals.t);
  w.access(W.i32_load, ARENA_BASES);
  w.set(root.host);
  for (const { kind, span, local } of root.limits) {
    pushEnd(f, kind);
    w.i64Const(span - 1);
    w.op(W.i64_sub);
    w.tee(locals.b);
    w.i64Const(0);
    w.get(locals.b);
    w.i64Const(0);
    w.op(W.i64_gt_s);
    w.op(W.select);
    w.set(local);
    pin(f, local);
  }
  // From here on the register is kept relative to the root.
  f.getRaw(r);
  w.i64Const(-1, 0);
  w.op(W.i64_and);
  w.set(f.localOf(r));
}

/**
 * Sends a local through memory, so that it is a load to V8: what is computed may be computed anew, inside of loops.
 */
function pin({ w }: FunctionEmitter, local: number): void {
  w.i32Const(0);
  w.get(local);
  w.access(W.i64_store, MAILBOX.scratch);
  w.i32Const(0);
  w.access(W.i64_load, MAILBOX.scratch);
  w.set(local);
}

/** Pushes the end of the region whose entry is T, as i64. */
function pushEnd({ w, locals }: FunctionEmitter, kind: number): void {
  const end = (table: number): void => {
    w.get(locals.t);
    w.access(W.i64_load32_u, table);
  };
  if (kind === READ) return end(ARENA_READ_ENDS);
  if (kind === WRITE) return end(ARENA_WRITE_ENDS);
  end(ARENA_READ_ENDS);
  w.tee(locals.a);
  end(ARENA_WRITE_ENDS);
  w.tee(locals.b);
  w.get(locals.a);
  w.get(locals.b);
  w.op(W.i64_lt_u);
  w.op(W.select);
}

function emitLoad(f: FunctionEmitter, i: number, offset: number, width: number): void {
  const { w, locals } = f;
  const op = f.flow.ops[i]!;
  const signed = SIGNED[op] === 1;
  const opcode = LOAD_OPCODES[op]!;
  if (!f.big) {
    w.access(opcode, offset);
    return;
  }
  w.access(signed && width > 1 ? opcode + 1 : opcode, offset);
  swapBytes(w, width, locals.a, locals.t);
  if (signed && width === 2) w.op(W.i64_extend16_s);
  if (signed && width === 4) w.op(W.i64_extend32_s);
}

/** The place is on the stack. RFC 9669 sec. 5.3; results of 32-bit operations are zero-extended. */
function emitAtomic(f: FunctionEmitter, pc: number, offset: number, width: number): void {
  const { w, locals } = f;
  const { code } = f.image;
  const wide = width === 8;
  const name = ATOMIC_OPS[code[pc + 6]! & ~WIDE]!;
  const s = code[pc + 2]! >> 1;
  const pushOld = (): void => {
    w.access(wide ? W.i64_load : W.i64_load32_u, offset);
    if (f.big) swapBytes(w, width, locals.a, locals.t);
  };
  w.tee(locals.u);
  pushOld();
  w.set(locals.b);
  w.get(locals.u);
  switch (name) {
    case 'xchg':
      f.getRegister(s);
      break;
    case 'cmpxchg':
      f.getRegister(s);
      w.get(locals.b);
      f.getRegister(0);
      if (!wide) {
        w.i64Const(-1, 0);
        w.op(W.i64_and);
      }
      w.get(locals.b);
      w.op(W.i64_eq);
      w.op(W.select);
      break;
    default:
      w.get(locals.b);
      f.getRegister(s);
      w.op({ add: W.i64_add, or: W.i64_or, and: W.i64_and, xor: W.i64_xor }[name.replace('fetch_', '')]!);
  }
  if (f.big) swapBytes(w, width, locals.a, locals.t);
  w.access(wide ? W.i64_store : W.i64_store32, offset);
  if (name === 'cmpxchg') {
    w.get(locals.b);
    f.setRegister(0);
  } else if (name === 'xchg' || name.startsWith('fetch_')) {
    w.get(locals.b);
    f.setRegister(s);
  }
}
