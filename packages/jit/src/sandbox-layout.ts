/**
 * The contract between sandboxed code and whoever runs it.
 *
 * The *arena* is a window of `2^arenaBits` bytes at a multiple of its size. Everything that a program may access lies in
 * it: memory, packets, values of maps, global data, and BPF stacks whose address the program takes. Not all of the window
 * need be mapped. {@link GUARD_BYTES} on either side belong to it as well and must not be mapped: code checks the register
 * of an access, `register >> arenaBits == arena >> arenaBits`, and leaves constant offsets and small indices to them. So
 * an access ends in the arena, or in a guard zone where the CPU stops it. An access that was not stopped proves as much
 * as a check, hence {@link REACH_BYTES}: where one access stands in for the check of another, and a target moves it
 * behind that one (into a delay slot), the other still ends in the guard zone. {@link WIDE_GUARD_BYTES} is a larger zone
 * above, for runners that have the address space.
 *
 * Return addresses and saved registers stay on the machine's stack, outside. A function whose stack is only accessed
 * through r10 at constant offsets inside its frame keeps it there too; that needs no checks. Where the address of the
 * frame is taken, r10 is the machine's address of the frame plus `stackDelta`, so that the BPF stack is a mirror of the
 * machine's in the arena: nothing to count, nothing to restore, and it ends where the machine's stack ends.
 */
import type { CodeSymbol } from './op.ts';

/** Bytes below and above the arena that are not mapped. */
export const GUARD_BYTES = 0x100000;
/** How far from an address in the arena code may access without a check: half of the guard, less what an access is wide. */
export const REACH_BYTES: number = GUARD_BYTES / 2 - 64;
/**
 * How far above an address in the arena code with `CompileOptions.wideGuard` may access without a check: an index of 32 bits,
 * times eight, and as much again.
 */
export const WIDE_REACH_BYTES: number = 2 ** 36;
/** Bytes above the arena that are not mapped where code has `CompileOptions.wideGuard`: twice that, for the reason given above. */
export const WIDE_GUARD_BYTES: number = 2 * WIDE_REACH_BYTES + GUARD_BYTES;
/** Size of the arena, as a power of two, when nothing else is asked for: 256 MiB. */
export const ARENA_BITS = 28;

/**
 * `const struct { uint64_t tag; int64_t stack_delta; }`: the arena's address shifted right by its bits, and what is added to
 * addresses of the machine's stack. Outside of the arena.
 */
export const ARENA_SYMBOL: CodeSymbol = { kind: 'function', name: 'polybpf_arena', weak: false };
export const ARENA_TAG_OFFSET = 0;
export const ARENA_STACK_OFFSET = 8;
/**
 * `_Noreturn void polybpf_fault(uint64_t insn, uint64_t address)`: called in place of an access that leaves the arena, or
 * of a call that goes to no function of the program.
 */
export const FAULT_SYMBOL: CodeSymbol = { kind: 'function', name: 'polybpf_fault', weak: false };
