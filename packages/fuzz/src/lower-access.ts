/** Statements that touch memory. */
import type { InsnRow } from '@polybpf/isa';
import { type Area, define, emit, type FunctionContext, readable, rowNamed, undefine, writable } from './function-context.ts'; // prettier-ignore
import { lowerSteps } from './lower-steps.ts';
import type { PlaceShape, StatementShape } from './program-shape.ts';

/** Base register and offset field of an access. */
interface Address {
  readonly base: number;
  readonly offset: number;
}

/** Offset fields are signed 16-bit numbers. */
const SMALLEST_OFFSET = -0x8000;
const LARGEST_OFFSET = 0x7fff;

/** Lowers a load; a function without any buffer has nothing to load from. */
export function lowerLoad(cx: FunctionContext, { row: name, dst, place }: StatementShape & { kind: 'load' }): void {
  if (cx.areas.length === 0) return;
  const row = rowNamed(name);
  const { base, offset } = lowerPlace(cx, place, row, row.kind === 'load_acquire', 0);
  const to = writable(cx, dst);
  emit(cx, name, { dst: to, src: base, offset });
  define(cx, to);
}

/** Lowers a store or atomic operation. */
export function lowerStore(
  cx: FunctionContext,
  { row: name, src, imm, place }: StatementShape & { kind: 'store' },
): void {
  // prettier-ignore
  if (cx.areas.length === 0) return;
  const row = rowNamed(name);
  const aligned = row.kind === 'atomic' || row.kind === 'store_release';
  if (row.kind === 'store_imm') {
    const { base, offset } = lowerPlace(cx, place, row, aligned, 0);
    emit(cx, name, { dst: base, offset, imm });
    return;
  }
  // cmpxchg compares with r0 and leaves the old value there.
  const comparesR0 = row.op === 'cmpxchg';
  if (comparesR0 && (cx.reserved & 1) !== 0) return;
  if (comparesR0 && (cx.defined & 1) === 0) {
    emit(cx, 'mov64_imm', { dst: 0, imm });
    define(cx, 0);
  }
  const from = readable(cx, src);
  const { base, offset } = lowerPlace(cx, place, row, aligned, (1 << from) | (comparesR0 ? 1 : 0));
  // Linux 6.18 takes what an atomic fetches from the stack for as precise as the register was before, and may prune a path
  // that it should walk, where it knows the slot. After another atomic it knows nothing about it. Found by this package.
  const fetches = comparesR0 || (row.kind === 'atomic' && row.src === 'readwrite');
  if (fetches && cx.mayBePruned && isKernelStack(cx, cx.areas[place.area % cx.areas.length]!)) {
    emit(cx, row.width === 64 ? 'atomic_add64' : 'atomic_add32', { dst: base, src: from, offset });
  }
  // Half of the comparisons succeed: with what is there, sign-extended where that must not matter.
  if (comparesR0 && (imm & 1) === 0) {
    const load = row.width === 64 ? 'ldxdw' : cx.isa >= 'v4' && (imm & 2) === 0 ? 'ldxsw' : 'ldxw';
    emit(cx, load, { dst: 0, src: base, offset });
  }
  emit(cx, name, { dst: base, src: from, offset });
  if (comparesR0 && row.width === 32 && cx.flavour === 'kernel' && cx.mayBePruned) {
    emit(cx, 'mov32_reg', { dst: 0, src: 0 });
  }
}

/** Lowers a load, steps and a store back. */
export function lowerUpdate(cx: FunctionContext, statement: StatementShape & { kind: 'update' }): void {
  if (cx.areas.length === 0) return;
  const { load, store, registers, steps, place } = statement;
  const row = rowNamed(store);
  const other = readable(cx, registers[1]);
  const { base, offset } = lowerPlace(cx, place, row, row.kind === 'store_release', 1 << other);
  const value = writable(cx, registers[0], (1 << base) | (1 << other));
  emit(cx, load, { dst: value, src: base, offset });
  define(cx, value);
  lowerSteps(cx, [value, other, writable(cx, registers[2], 1 << base)], steps);
  emit(cx, store, { dst: base, src: value, offset });
}

/** Lowers loads or stores of one width at rising addresses, as many as there is room for. */
export function lowerRun(cx: FunctionContext, { rows, registers, place }: StatementShape & { kind: 'run' }): void {
  if (cx.areas.length === 0) return;
  const area = cx.areas[place.area % cx.areas.length]!;
  const width = rowNamed(rows[0]!).width / 8;
  const count = Math.min(rows.length, Math.floor(area.bytes / width));
  if (count === 0) return;
  const step = area.aligned ? width : 1;
  const start = toStep(place.offset % (area.bytes - count * width + 1), step) + area.delta;
  const isDirect = 'register' in area.home;
  const base = 'register' in area.home ? area.home.register : emitBase(cx, area, place, 0);
  const avoid = isDirect ? 0 : 1 << base;
  rows.slice(0, count).forEach((name, i) => {
    const offset = start + i * width;
    const pick = registers[i % registers.length]!;
    const { kind } = rowNamed(name);
    if (kind === 'load') {
      const to = writable(cx, pick, avoid);
      emit(cx, name, { dst: to, src: base, offset });
      define(cx, to);
    } else if (kind === 'store_imm') emit(cx, name, { dst: base, offset, imm: pick - 128 });
    else emit(cx, name, { dst: base, src: readable(cx, pick, avoid), offset });
  });
}

/** Emits what an address needs; registers of the mask `avoid` keep their values. */
function lowerPlace(
  cx: FunctionContext,
  place: PlaceShape,
  row: InsnRow,
  alignedAlways: boolean,
  avoid: number,
): Address {
  const area = cx.areas[place.area % cx.areas.length]!;
  const bytes = row.width / 8;
  const step = alignedAlways || area.aligned ? bytes : 1;
  const range = area.bytes - bytes;
  // The kernel refuses atomic operations at variable places of the stack.
  const canIndex = row.kind !== 'atomic' || !isKernelStack(cx, area);
  if (place.mode === 'indexed' && canIndex && range >= step) return lowerIndexed(cx, place, area, range, step, avoid);
  const at = area.delta + toStep(place.offset % (range + 1), step);
  if (place.mode === 'moved') return lowerMoved(cx, place, area, at, avoid);
  if ('register' in area.home) return { base: area.home.register, offset: at };
  return { base: emitBase(cx, area, place, avoid), offset: at };
}

/** A copy of the base that is moved, so that the offset field holds the wanted displacement. */
function lowerMoved(cx: FunctionContext, place: PlaceShape, area: Area, at: number, avoid: number): Address {
  const base = emitBase(cx, area, place, avoid);
  const { displacement } = place;
  // The kernel refuses subtraction from stack pointers.
  if ((place.index & 1) === 0 || isKernelStack(cx, area)) emit(cx, 'add64_imm', { dst: base, imm: at - displacement });
  else emit(cx, 'sub64_imm', { dst: base, imm: displacement - at });
  return { base, offset: displacement };
}

/** A copy of the base plus a register that is masked so that it stays inside. */
function lowerIndexed(
  cx: FunctionContext,
  place: PlaceShape,
  area: Area,
  range: number,
  step: number,
  avoid: number,
): Address {
  const mask = (1 << (31 - Math.clz32(range))) - 1 || 1;
  const start = toStep(place.offset % (range - mask + 1), step);
  const from = readable(cx, place.index, avoid);
  const index = writable(cx, place.index, avoid);
  const width = (place.offset & 1) === 0 ? 64 : 32;
  if (index !== from || width === 32) emit(cx, `mov${width}_reg`, { dst: index, src: from });
  emit(cx, `and${width}_imm`, { dst: index, imm: mask & -step });
  define(cx, index);
  const base = emitBase(cx, area, place, avoid | (1 << index));
  emit(cx, 'add64_reg', { dst: base, src: index });
  return { base, offset: clampOffset(area.delta + start) };
}

/** A register of its own with the kept base of an area. */
function emitBase(cx: FunctionContext, { home }: Area, { temporary }: PlaceShape, avoid: number): number {
  const base = writable(cx, temporary, avoid);
  if ('register' in home) emit(cx, 'mov64_reg', { dst: base, src: home.register });
  else emit(cx, 'ldxdw', { dst: base, src: 10, offset: home.slot });
  undefine(cx, base);
  return base;
}

/** Whether the area is stack, or may be, to a kernel's verifier. */
function isKernelStack({ flavour }: FunctionContext, { kind }: Area): boolean {
  return flavour === 'kernel' && kind !== 'memory';
}

function toStep(offset: number, step: number): number {
  return offset - (offset % step);
}

function clampOffset(offset: number): number {
  if (offset < SMALLEST_OFFSET || offset > LARGEST_OFFSET) throw new Error(`BUG: offset ${offset}`);
  return offset;
}
