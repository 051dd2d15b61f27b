/**
 * The kernel's machine code by BPF instruction, and without what differs from kernel to kernel: places for patching at
 * the entry, the return thunk of CPU mitigations, distances of calls.
 */
import type { ProgramInfo } from './object-info.ts';

/** Machine code of one BPF insn. That of the first insn of a function begins with the function's entry sequence. */
export interface JitedGroup {
  /** -1 for code that belongs to no insn. */
  readonly insn: number;
  /** Starts a function. */
  readonly entry: boolean;
  /** Code offset. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** A group with the bytes that count. */
export interface NormalisedGroup extends JitedGroup {
  /** {@link bytes} without entry nops, with `ret` in place of the return thunk. */
  readonly normalised: Uint8Array;
  /** What was done, e.g. `5 bytes of nop`, `return thunk`. */
  readonly notes: readonly string[];
}

/**
 * Splits the image of a program that was loaded with its instructions numbered (`insnLines` of `openObject`). Instructions
 * without code of their own have no group.
 */
export function groupJited(info: ProgramInfo): JitedGroup[] {
  const { jited, jitedLines, jitedFunctionLengths } = info;
  if (jited.length === 0) return [];
  let end = 0;
  const marks = jitedFunctionLengths.map((length) => ({ insn: -1, offset: (end += length) - length }));
  const entries = new Set(marks.map(({ offset }) => offset));
  for (const { line, codeOffset } of jitedLines) marks.push({ insn: line - 1, offset: codeOffset });
  // Of several marks at one place the last one has the code: the others became nothing.
  const sorted = marks
    .map((mark, order) => ({ ...mark, order }))
    .sort((a, b) => a.offset - b.offset || a.order - b.order);
  return sorted.flatMap(({ insn, offset }, i) => {
    const bytes = jited.subarray(offset, sorted[i + 1]?.offset ?? jited.length);
    return bytes.length === 0 ? [] : [{ insn, entry: entries.has(offset), offset, bytes }];
  });
}

/** Nops that the x86_64 JIT puts at an entry: endbr64, the place for a trampoline, the place of the tail call counter. */
const ENTRY_NOPS: readonly (readonly number[])[] = [
  [0xf3, 0x0f, 0x1e, 0xfa],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x00],
  [0x66, 0x90],
];
const RET = 0xc3;
const INT3 = 0xcc;
const JMP_REL32 = 0xe9;
const CALL_REL32 = 0xe8;
const REL32_SIZE = 5;

/** What the BPF insn of a group is, as far as {@link normaliseX86} asks. */
export type GroupKind = 'exit' | 'call' | 'other';

/**
 * Normalises x86_64 code.
 *
 * @param kindOf - what a BPF insn is
 */
export function normaliseX86(groups: readonly JitedGroup[], kindOf: (insn: number) => GroupKind): NormalisedGroup[] {
  const size = groups.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return groups.map((group) => {
    const notes: string[] = [];
    let bytes: Uint8Array = group.bytes;
    if (group.entry) bytes = withoutNops(bytes, notes);
    // The exit sequence is made once, at the last exit or behind another insn; other exits jump to it.
    const kind = group.insn < 0 ? 'other' : kindOf(group.insn);
    if (kind === 'exit') bytes = withPlainReturn(group, bytes, size, notes);
    if (kind === 'call') bytes = withoutDistance(group, bytes, size, notes);
    return { ...group, normalised: bytes, notes };
  });
}

function withoutNops(bytes: Uint8Array, notes: string[]): Uint8Array {
  let at = 0;
  for (let found = nopAt(bytes, 0); found > 0; found = nopAt(bytes, at)) at += found;
  if (at > 0) notes.push(`${at} bytes of nop`);
  return bytes.subarray(at);
}

function nopAt(bytes: Uint8Array, at: number): number {
  return ENTRY_NOPS.find((nop) => nop.every((byte, i) => bytes[at + i] === byte))?.length ?? 0;
}

function withPlainReturn(group: JitedGroup, bytes: Uint8Array, size: number, notes: string[]): Uint8Array {
  const last = bytes.length - 1;
  if (bytes[last] === INT3 && bytes[last - 1] === RET) {
    notes.push('int3 behind ret');
    return bytes.subarray(0, last);
  }
  const at = bytes.length - REL32_SIZE;
  if (at < 0 || bytes[at] !== JMP_REL32 || !leavesImage(group, at, size)) return bytes;
  notes.push('return thunk');
  return Uint8Array.of(...bytes.subarray(0, at), RET);
}

function withoutDistance(group: JitedGroup, bytes: Uint8Array, size: number, notes: string[]): Uint8Array {
  const at = bytes.length - REL32_SIZE;
  if (at < 0 || bytes[at] !== CALL_REL32 || !leavesImage(group, at, size)) return bytes;
  notes.push('distance of the call');
  return Uint8Array.of(...bytes.subarray(0, at + 1), 0, 0, 0, 0);
}

/** Whether the 32-bit distance at the end of the group goes outside of the program. */
function leavesImage({ offset, bytes }: JitedGroup, at: number, size: number): boolean {
  const distance = new DataView(bytes.buffer, bytes.byteOffset + at + 1, 4).getInt32(0, true);
  const target = offset + at + REL32_SIZE + distance;
  return target < 0 || target > size;
}
