/**
 * Runs the instructions of a test vector on the live kernel and reads all 64 bits of r0 and the memory afterwards.
 *
 * The vector becomes a local function of a small wrapper. Its memory is the value of an array map of just that size, so
 * that the verifier knows its bounds; the result goes to a map of its own:
 *
 * ```text
 *   r1 = map value (0 without memory);  r2 = length of the memory
 *   call vector
 *   r1 = result map value;  *(u64 *)(r1 + 0) = r0
 *   r0 = 0;  exit
 * vector: ...
 * ```
 */
import { encodeProgram, makeInsn, type Insn } from '@polybpf/isa';
import type { KernelConnection } from './bpf-syscall.ts';

const RESULT_SIZE = 8;

/** What the kernel did with a vector. */
export type KernelOutcome =
  | { readonly accepted: true; readonly r0: bigint; readonly mem: Uint8Array }
  | { readonly accepted: false; readonly errno: number; readonly message: string };

/**
 * Loads and runs one vector; leaves nothing behind in the kernel.
 *
 * @param insns - little-endian semantics; r1 = address of `mem` or 0, r2 = its length
 */
export function runOnKernel(kernel: KernelConnection, insns: readonly Insn[], mem: Uint8Array): KernelOutcome {
  const resultMap = kernel.createArray(RESULT_SIZE);
  const memMap = mem.length === 0 ? undefined : kernel.createArray(mem.length);
  try {
    if (memMap !== undefined) kernel.write(memMap, mem);
    const program = [...wrapper(resultMap, memMap, mem.length), ...insns];
    const { fd, errno, message } = kernel.load(encodeProgram(program, 'little'));
    if (fd === undefined) return { accepted: false, errno, message };
    try {
      kernel.testRun(fd);
    } finally {
      kernel.close(fd);
    }
    const result = kernel.read(resultMap, RESULT_SIZE);
    const r0 = new DataView(result.buffer, result.byteOffset).getBigUint64(0, true);
    return { accepted: true, r0, mem: memMap === undefined ? mem : kernel.read(memMap, mem.length) };
  } finally {
    kernel.close(resultMap);
    if (memMap !== undefined) kernel.close(memMap);
  }
}

function wrapper(resultMap: number, memMap: number | undefined, length: number): Insn[] {
  const mapValue = (map: number): Insn[] => [makeInsn(0x18, 1, 2, 0, map), makeInsn(0, 0, 0, 0, 0)];
  const pointer = memMap === undefined ? [makeInsn(0xb7, 1, 0, 0, 0)] : mapValue(memMap);
  const tail = [
    ...mapValue(resultMap),
    makeInsn(0x7b, 1, 0, 0, 0), // *(u64 *)(r1 + 0) = r0
    makeInsn(0xb7, 0, 0, 0, 0), // r0 = 0
    makeInsn(0x95, 0, 0, 0, 0), // exit
  ];
  return [...pointer, makeInsn(0xb7, 2, 0, 0, length), makeInsn(0x85, 0, 1, 0, tail.length), ...tail];
}
