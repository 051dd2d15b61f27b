/** A program that calls bpf_for_each_map_elem with a callback which notes keys and values. */
import { type Insn, makeInsn } from '@polybpf/isa';
import { asm, FLAGS, type HelperPrograms, OUT, RESULT } from './helper-programs.native.ts';
import { CALLBACK_FUNCTION, MAIN_FUNCTION } from './test-btf.native.ts';

/** Places in the shared memory: where notes go next, and after how many elements to stop. */
const NEXT = 32;
const STOP = 40;
const NOTE = 16;
const MAX_NOTES = 2000;

/** Number of elements visited, and the key and first 8 bytes of the value of each. */
export function forEachInKernel(
  programs: HelperPrograms,
  btfFd: number,
  keySize: number,
  stopAfter: number,
  flags: bigint,
): { result: number; notes: Uint8Array[] } {
  const view = new DataView(programs.io.buffer, programs.io.byteOffset);
  view.setBigUint64(NEXT, 0n, true);
  view.setBigUint64(STOP, BigInt(stopAfter), true);
  view.setBigUint64(FLAGS, flags, true);
  const io = (register: number): Insn[] => [makeInsn(0x18, register, 2, 0, programs.ioFd), makeInsn(0, 0, 0, 0, 0)];
  const main = [
    ...programs.mapInR1(),
    makeInsn(0x18, 2, 4, 0, 0),
    makeInsn(0, 0, 0, 0, 0),
    ...asm('r3 = 0', `r4 = *(u64 *)(r6 + ${FLAGS})`, 'call 164', `*(u64 *)(r6 + ${RESULT}) = r0`, 'r0 = 0', 'exit'),
  ];
  // The two slots that the shared memory's address takes come first.
  const start = 2 + main.length;
  main[2] = makeInsn(0x18, 2, 4, 0, start - 4 - 1);
  const callback = [
    ...io(6),
    ...asm(`r7 = *(u64 *)(r6 + ${NEXT})`, `if r7 > ${MAX_NOTES - 1} goto +${8 + (keySize > 4 ? 0 : 0)}`),
    ...asm('r8 = r7', `r8 *= ${NOTE}`, 'r8 += r6'),
    ...asm(`r1 = *(u32 *)(r2 + 0)`, `*(u64 *)(r8 + ${OUT}) = r1`),
    ...asm(`r1 = *(u64 *)(r3 + 0)`, `*(u64 *)(r8 + ${OUT + 8}) = r1`),
    ...asm('r7 += 1'),
    ...asm(
      `*(u64 *)(r6 + ${NEXT}) = r7`,
      `r1 = *(u64 *)(r6 + ${STOP})`,
      'r0 = 1',
      'if r7 == r1 goto +1',
      'r0 = 0',
      'exit',
    ),
  ];
  const words = new Uint32Array([0, MAIN_FUNCTION, start, CALLBACK_FUNCTION]);
  const result = programs.runCode('forEach', () => [...main, ...callback], {
    btfFd,
    funcInfo: { recordSize: 8, bytes: new Uint8Array(words.buffer) },
  });
  const count = Number(view.getBigUint64(NEXT, true));
  const notes = Array.from({ length: count }, (_, i) => programs.io.slice(OUT + i * NOTE, OUT + (i + 1) * NOTE));
  return { result: Number(result), notes };
}
