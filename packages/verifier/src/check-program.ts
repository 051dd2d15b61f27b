/** Checks before any path is walked: functions, ranges of jumps, opcodes, loads of maps (kernel: bpf_check). */
import { type Env, reject, type SubprogramInfo } from './env.ts';
import { markExceptionCallback } from './exceptions.ts';
import { checkKfuncId, checkSymbol } from './kernel-symbols.ts';
import { hasDirectValue, MAP_ARENA, MAP_ARRAY } from './map-model.ts';
import { checkMapFitsProgram } from './map-program.ts';
import { E2BIG, EBADF, EFAULT, EINVAL, ENOTSUPP, EPERM, EPROTO } from './reject.ts';
import {
  CALL,
  CLASS_JMP,
  CLASS_JMP32,
  CLASS_LD,
  CLASS_LDX,
  isFunctionAddress,
  isHelperCall,
  isKfuncCall,
  isLocalCall,
  jumpDistance,
  LD_IMM64,
  OP_CALL,
  OP_EXIT,
  PSEUDO_BTF_ID,
  PSEUDO_FUNC,
  PSEUDO_MAP_FD,
  PSEUDO_MAP_IDX,
  PSEUDO_MAP_IDX_VALUE,
  PSEUDO_MAP_VALUE,
} from './successors.ts';

const MAX_SUBPROGRAMS = 256;
const MAX_USED_MAPS = 64;
export const MAX_VAR_OFF: number = 1 << 29;
export const FUNC_TAIL_CALL = 12;

function newSubprogram(start: number): SubprogramInfo {
  return {
    start,
    stackDepth: 0,
    hasTailCall: false,
    hasLdAbs: false,
    isCallback: false,
    isAsyncCallback: false,
    isExceptionCallback: false,
    changesPacket: false,
    mightSleep: false,
    postorderStart: 0,
    fastcallStackOff: 0,
    keepFastcallStack: false,
    called: false,
    unreliable: false,
  };
}

/** Finds the functions (kernel: add_subprog_and_kfunc). */
export function findFunctions(env: Env): void {
  const starts = new Set<number>([0]);
  for (let i = 0; i < env.count; i++) {
    const local = isFunctionAddress(env, i) || isLocalCall(env, i);
    if (!local && !isKfuncCall(env, i)) continue;
    if (!env.options.bpfCapable) {
      reject(EPERM, 'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN');
    }
    if (!local) {
      checkKfuncId(env, i);
      // Programs for a device are not modelled (kernel: bpf_dev_bound_kfunc_check).
      if (env.kfuncName?.(i)?.startsWith('bpf_xdp_metadata_') === true) {
        reject(EINVAL, 'metadata kfuncs require device-bound program');
      }
      continue;
    }
    const target = i + env.imm[i]! + 1;
    if (target < 0 || target >= env.count) reject(EINVAL, 'call to invalid destination');
    if (!starts.has(target) && starts.size >= MAX_SUBPROGRAMS) reject(E2BIG, 'too many subprograms');
    starts.add(target);
  }
  const exception = env.types.exceptionCallback();
  if (exception !== 0) starts.add(exception);
  const sorted = [...starts].sort((a, b) => a - b);
  for (const start of sorted) env.subprograms.push(newSubprogram(start));
  sorted.forEach((start, k) => env.subprogramOf.fill(k, start, sorted[k + 1] ?? env.count));
  if (exception !== 0) markExceptionCallback(env, exception);
  if (env.options.logLevel > 1) sorted.forEach((start, k) => env.note(`func#${k} @${start}`));
}

/** Index of the function that starts at an insn, or -1. */
export function functionAt(env: Env, insn: number): number {
  const index = insn >= 0 && insn < env.count ? env.subprogramOf[insn]! : -1;
  return index >= 0 && env.subprograms[index]!.start === insn ? index : -1;
}

/** Jumps stay in their function, and functions do not run into each other (kernel: check_subprogs). */
export function checkFunctions(env: Env): void {
  let current = 0;
  let start = 0;
  let end = env.subprograms[1]?.start ?? env.count;
  for (let i = 0; i < env.count; i++) {
    const opcode = env.opcode[i]!;
    const info = env.subprograms[current]!;
    const kind = opcode & 7;
    if (isHelperCall(env, i) && env.imm[i] === FUNC_TAIL_CALL) info.hasTailCall = true;
    if (kind === CLASS_LD && ((opcode & 0xe0) === 0x20 || (opcode & 0xe0) === 0x40)) info.hasLdAbs = true;
    if (kind === CLASS_JMP || kind === CLASS_JMP32) {
      const op = opcode & 0xf0;
      if (op !== OP_CALL && op !== OP_EXIT) {
        const target = i + jumpDistance(env, i) + 1;
        if (target < start || target >= end) reject(EINVAL, `jump out of range from insn ${i} to ${target}`);
      }
    }
    if (i === end - 1) {
      if (opcode !== 0x95 && opcode !== 0x06 && opcode !== 0x05) reject(EINVAL, 'last insn is not an exit or jmp');
      start = end;
      current++;
      end = env.subprograms[current + 1]?.start ?? env.count;
    }
  }
}

/** Opcodes that the kernel knows (kernel/bpf/core.c: bpf_opcode_in_insntable). */
const KNOWN_OPCODES: Uint8Array = knownOpcodes();

function knownOpcodes(): Uint8Array {
  const known = new Uint8Array(256);
  const add = (...opcodes: number[]): void => {
    for (const opcode of opcodes) known[opcode] = 1;
  };
  for (const op of [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xa0, 0xb0, 0xc0]) {
    add(op | 0x04, op | 0x0c, op | 0x07, op | 0x0f);
  }
  add(0x84, 0x87, 0xd4, 0xdc, 0xd7, CALL, 0x95, 0x05, 0x06, 0xe5);
  for (let op = 0x10; op <= 0xd0; op += 0x10) {
    if (op !== OP_CALL && op !== OP_EXIT) add(op | 0x05, op | 0x0d, op | 0x06, op | 0x0e);
  }
  for (const size of [0x00, 0x08, 0x10, 0x18]) add(0x61 | size, 0x62 | size, 0x63 | size, 0xc3 | size);
  add(0x81, 0x89, 0x91, LD_IMM64, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50);
  return known;
}

/**
 * Opcodes, and which map each ld_imm64 loads (kernel: resolve_pseudo_ldimm64).
 *
 * @param mapOf - map that an insn loads by its number; undefined when there is none
 */
export function resolveLoads(env: Env, mapOf: (insn: number) => number | undefined): void {
  const used = new Set<number>();
  for (let i = 0; i < env.count; i++) {
    const opcode = env.opcode[i]!;
    const mode = opcode & 0xe0;
    if ((opcode & 7) === CLASS_LDX && ((mode !== 0x60 && mode !== 0x80) || env.imm[i] !== 0)) {
      reject(EINVAL, 'BPF_LDX uses reserved fields');
    }
    if (opcode !== LD_IMM64) {
      if (KNOWN_OPCODES[opcode] === 0) reject(EINVAL, `unknown opcode ${opcode.toString(16).padStart(2, '0')}`);
      continue;
    }
    const next = i + 1;
    if (
      next >= env.count ||
      env.opcode[next] !== 0 ||
      env.dst[next] !== 0 ||
      env.src[next] !== 0 ||
      env.off[next] !== 0
    )
      // prettier-ignore
      reject(EINVAL, 'invalid bpf_ld_imm64 insn');
    const src = env.src[i]!;
    if (src === PSEUDO_BTF_ID) checkSymbol(env, i);
    else if (src !== 0 && src !== PSEUDO_FUNC) resolveMap(env, i, src, mapOf, used);
    i++;
  }
}

function resolveMap(
  env: Env,
  insn: number,
  src: number,
  mapOf: (insn: number) => number | undefined,
  used: Set<number>,
): void {
  const direct = src === PSEUDO_MAP_VALUE || src === PSEUDO_MAP_IDX_VALUE;
  const whole = src === PSEUDO_MAP_FD || src === PSEUDO_MAP_IDX;
  if (!direct && !(whole && env.imm[insn + 1] === 0)) reject(EINVAL, 'unrecognized bpf_ld_imm64 insn');
  const index = mapOf(insn);
  if (index === undefined || env.maps[index] === undefined) {
    if (src >= PSEUDO_MAP_IDX && env.maps.length === 0) reject(EPROTO, 'fd_idx without fd_array is invalid');
    const fd = env.imm[insn]!;
    // Read from beyond the array of descriptors.
    if (src >= PSEUDO_MAP_IDX && (fd < 0 || fd > 0xffff)) reject(EFAULT, '');
    // Descriptors of standard input and output are open, but no maps.
    reject(fd >= 0 && fd <= 2 ? EINVAL : EBADF, `fd ${fd} is not pointing to valid bpf_map`);
  }
  const map = env.maps[index]!;
  if (!used.has(index)) {
    if (used.size >= MAX_USED_MAPS) {
      reject(E2BIG, `The total number of maps per program has reached the limit of ${MAX_USED_MAPS}`);
    }
    checkMapFitsProgram(env, map);
    used.add(index);
  }
  env.insnMap[insn] = index;
  if (!direct) return;
  const offset = env.imm[insn + 1]! >>> 0;
  if (offset >= MAX_VAR_OFF) reject(EINVAL, `direct value offset of ${offset} is not allowed`);
  if (!hasDirectValue(map)) reject(EINVAL, 'no direct value access support for this map type');
  const limit = map.type === MAP_ARENA ? map.maxEntries * 4096 : map.valueSize;
  // The end of an arena may be named (arena_map_direct_value_addr).
  const isOutside = map.type === MAP_ARENA ? offset > limit : offset >= limit;
  const errno = map.type === MAP_ARRAY && map.maxEntries !== 1 ? ENOTSUPP : isOutside ? (map.type === MAP_ARENA ? 34 : EINVAL) : 0; // prettier-ignore
  if (errno !== 0) {
    reject(errno, `invalid access to map value pointer, value_size=${map.valueSize} off=${offset}`);
  }
}

/**
 * Functions that nothing calls are removed; an address of one that was the last is one of nothing then, which the kernel
 * takes for a bug of its own (kernel: jit_subprogs, opt_remove_dead_code). Throws `Reject`.
 */
export function checkFunctionAddresses(env: Env): void {
  if (!env.options.bpfCapable) return;
  const starts = env.subprograms.map(({ start }) => start).filter((start) => env.seen[start] !== 0);
  const last = starts[starts.length - 1] ?? 0;
  // What ends a program that throws, without a callback of its own, is a function behind all others.
  const hidden = env.seenException && env.exceptionCallback === 0;
  if (last === 0 || hidden) return;
  let kept = 0;
  let lost = false;
  for (let insn = 0; insn < env.count; insn++) {
    // The second half of a ld_imm64 goes with the first.
    if (env.seen[insn] === 0 && env.opcode[insn] !== 0) continue;
    if (env.opcode[insn] !== 0 || env.seen[insn - 1] !== 0) kept++;
    if (isFunctionAddress(env, insn) && insn + env.imm[insn]! + 1 > last) lost = true;
  }
  if (lost) reject(EFAULT, `verifier bug: No program to jit at insn ${kept} (subprog < 0)`);
}
