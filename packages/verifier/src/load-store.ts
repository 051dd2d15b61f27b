/** Instructions that access memory (kernel: check_load_mem, check_store_reg, check_atomic). */
import { markUnknown } from './bounds.ts';
import { type Env, reject } from './env.ts';
import { checkInvariants } from './invariants.ts';
import { accessMemory, isPointer } from './memory-access.ts';
import { checkDestination, checkReadable } from './registers.ts';
import { EACCES, EINVAL } from './reject.ts';
import { W_TYPE } from './register-record.ts';
import {
  baseType,
  isPacketType,
  isSocketType,
  MEM_RDONLY,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MEM,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_UNTRUSTED,
  typeName,
} from './register-types.ts';
import { READ, WRITE } from './stack-access.ts';
import { regAt } from './state.ts';

/** Bytes of an access by its opcode. */
export function accessSize(opcode: number): number {
  switch (opcode & 0x18) {
    case 0x00:
      return 4;
    case 0x08:
      return 2;
    case 0x10:
      return 1;
    default:
      return 8;
  }
}

/** Types whose accesses are rewritten, so that one instruction cannot serve several of them. */
function mustAgree(type: number): boolean {
  switch (baseType(type)) {
    case PTR_TO_CTX:
    case PTR_TO_SOCKET:
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_TCP_SOCK:
    case PTR_TO_XDP_SOCK:
    case PTR_TO_BTF_ID:
    case PTR_TO_ARENA:
      return true;
    default:
      return false;
  }
}

function isMemoryOrBtf(type: number): boolean {
  return baseType(type) === PTR_TO_MEM || baseType(type) === PTR_TO_BTF_ID;
}

/** Remembers the type that the instruction accesses; other paths must bring the same (kernel: save_aux_ptr_type). */
export function saveType(env: Env, type: number, trustMayDiffer: boolean): void {
  const before = env.ptrType[env.insn]!;
  if (before === NOT_INIT) {
    env.ptrType[env.insn] = type;
    return;
  }
  if (type === before || (!mustAgree(type) && !mustAgree(before))) return;
  if (!trustMayDiffer || !isMemoryOrBtf(type) || !isMemoryOrBtf(before)) {
    reject(EINVAL, 'same insn cannot be used with different pointers');
  }
  let merged = baseType(type) === PTR_TO_MEM || baseType(before) === PTR_TO_MEM ? PTR_TO_MEM : PTR_TO_BTF_ID;
  merged |= (type | before) & (PTR_UNTRUSTED | MEM_RDONLY);
  env.ptrType[env.insn] = merged;
}

/** Walks a load; also the load half of an acquire. */
export function walkLoad(env: Env, strict: boolean, signed: boolean, trustMayDiffer: boolean, where: string): void {
  const insn = env.insn;
  const src = env.src[insn]!;
  const dst = env.dst[insn]!;
  checkReadable(env, src);
  checkDestination(env, dst);
  const type = env.frame.w[regAt(src) + W_TYPE]!;
  accessMemory(env, src, env.off[insn]!, accessSize(env.opcode[insn]!), READ, dst, strict, signed);
  saveType(env, type, trustMayDiffer);
  checkInvariants(env, env.frame.w, regAt(dst), where);
}

/** Walks a store of a register. */
export function walkStore(env: Env, strict: boolean): void {
  const insn = env.insn;
  const src = env.src[insn]!;
  const dst = env.dst[insn]!;
  checkReadable(env, src);
  checkReadable(env, dst);
  const type = env.frame.w[regAt(dst) + W_TYPE]!;
  accessMemory(env, dst, env.off[insn]!, accessSize(env.opcode[insn]!), WRITE, src, strict, false);
  saveType(env, type, false);
}

/** Walks a store of a constant. */
export function walkStoreConstant(env: Env): void {
  const insn = env.insn;
  if ((env.opcode[insn]! & 0xe0) !== 0x60 || env.src[insn] !== 0) reject(EINVAL, 'BPF_ST uses reserved fields');
  const dst = env.dst[insn]!;
  checkReadable(env, dst);
  const type = env.frame.w[regAt(dst) + W_TYPE]!;
  accessMemory(env, dst, env.off[insn]!, accessSize(env.opcode[insn]!), WRITE, -1, false, false);
  saveType(env, type, false);
}

const FETCH = 1;
const XCHG = 0xe1;
const CMPXCHG = 0xf1;
const LOAD_ACQ = 0x100;
const STORE_REL = 0x110;

/** Walks an instruction of class STX with the mode ATOMIC. */
export function walkAtomic(env: Env): void {
  const insn = env.insn;
  const imm = env.imm[insn]!;
  switch (imm) {
    case 0x00:
    case 0x01:
    case 0x50:
    case 0x51:
    case 0x40:
    case 0x41:
    case 0xa0:
    case 0xa1:
    case XCHG:
    case CMPXCHG:
      return walkReadModifyWrite(env, imm);
    case LOAD_ACQ: {
      walkLoad(env, true, false, false, 'atomic_load');
      const src = env.src[insn]!;
      if (!atomicTypeOk(env, src)) {
        reject(EACCES, `BPF_ATOMIC loads from R${src} ${typeName(env.frame.w[regAt(src) + W_TYPE]!)} is not allowed`);
      }
      return;
    }
    case STORE_REL: {
      walkStore(env, true);
      const dst = env.dst[insn]!;
      if (!atomicTypeOk(env, dst)) {
        reject(EACCES, `BPF_ATOMIC stores into R${dst} ${typeName(env.frame.w[regAt(dst) + W_TYPE]!)} is not allowed`);
      }
      return;
    }
    default:
      reject(EINVAL, `BPF_ATOMIC uses invalid atomic opcode ${(imm >>> 0).toString(16).padStart(2, '0')}`);
  }
}

/** Atomics that the JIT of x86 has as loops, which cannot recover from a fault (kernel: bpf_jit_supports_insn). */
const NOT_IN_ARENA: ReadonlySet<number> = new Set([0x41, 0x51, 0xa1]);

function atomicTypeOk(env: Env, regno: number): boolean {
  const type = env.frame.w[regAt(regno) + W_TYPE]!;
  if (type === PTR_TO_ARENA) return !NOT_IN_ARENA.has(env.imm[env.insn]!);
  return !(type === PTR_TO_CTX || isPacketType(type) || type === PTR_TO_FLOW_KEYS || isSocketType(type));
}

function walkReadModifyWrite(env: Env, imm: number): void {
  const insn = env.insn;
  const opcode = env.opcode[insn]!;
  const size = accessSize(opcode);
  const src = env.src[insn]!;
  const dst = env.dst[insn]!;
  const off = env.off[insn]!;
  if (size < 4) reject(EINVAL, 'invalid atomic operand size');
  checkReadable(env, src);
  checkReadable(env, dst);
  if (imm === CMPXCHG) {
    checkReadable(env, 0);
    if (isPointer(env, 0)) reject(EACCES, 'R0 leaks addr into mem');
  }
  if (isPointer(env, src)) reject(EACCES, `R${src} leaks addr into mem`);
  const w = env.frame.w;
  if (!atomicTypeOk(env, dst)) {
    reject(EACCES, `BPF_ATOMIC stores into R${dst} ${typeName(w[regAt(dst) + W_TYPE]!)} is not allowed`);
  }
  let load = -1;
  if ((imm & FETCH) !== 0) {
    load = imm === CMPXCHG ? 0 : src;
    checkDestination(env, load);
    markUnknown(w, regAt(load), env.defaultPrecise);
  }
  accessMemory(env, dst, off, size, READ, -1, true, false);
  if (load >= 0) accessMemory(env, dst, off, size, READ, load, true, false);
  if (w[regAt(dst) + W_TYPE] === PTR_TO_ARENA) saveType(env, PTR_TO_ARENA, false);
  accessMemory(env, dst, off, size, WRITE, -1, true, false);
}
