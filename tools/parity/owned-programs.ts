/** Random programs around owned objects. */
import { makeInsn, type Insn } from '../../packages/isa/src/index.ts';
import { OwnedWriter } from './owned-steps.ts';
import { FUNCTIONS, OBJECTS } from '../../packages/verifier/test/owned-types.ts';
import type { Random } from './random-programs.ts';

export const OWNED_TYPES = ['sched_cls', 'sched_cls', 'syscall', 'xdp', 'cgroup_skb', 'tracing'] as const;

/** A program with the functions that its BTF tells of. */
export interface OwnedProgram {
  readonly insns: Insn[];
  readonly functions: { insn: number; type: number }[];
}

function lessBody(writer: OwnedWriter, name: 'tnode' | 'rnode'): void {
  const { e } = writer;
  const type = OBJECTS[name];
  const off = type.data - type.tree;
  if (writer.chance(0.1)) {
    if (writer.chance(0.3)) writer.touch(1, type, type.tree);
    else if (writer.chance(0.3)) {
      e.mov(6, 1);
      e.set(2, 0);
      e.kfunc(writer.pick(['bpf_obj_drop_impl', 'bpf_refcount_acquire_impl', 'bpf_rcu_read_lock', 'bpf_throw']));
    } else if (writer.chance(0.5)) {
      writer.value([0]);
      writer.field(1, name === 'tnode' ? 24 : 56);
      e.kfunc('bpf_rbtree_first');
      if (writer.chance(0.5)) {
        const skip = e.fresh();
        e.jump(0x15, 0, 0, skip);
        e.mov(2, 0);
        writer.field(1, name === 'tnode' ? 24 : 56);
        e.kfunc(writer.pick(['bpf_rbtree_remove', 'bpf_rbtree_left']));
        e.label(skip);
      }
      e.set(0, 0);
      return e.op(0x95);
    } else {
      writer.value([0]);
      writer.lock(writer.chance(0.5));
      e.set(0, 0);
      return e.op(0x95);
    }
  }
  e.op(0x79, 3, 1, off);
  e.op(0x79, 4, 2, off);
  e.set(0, writer.err() ? 2 : 1);
  const done = e.fresh();
  e.op(0x2d, 4, 3, 1);
  e.set(0, 0);
  e.label(done);
  e.op(0x95);
}

/** The functions that the steps call, and the callback of exceptions. */
function writeFunctions(writer: OwnedWriter, handler: 'none' | 'good' | 'bad'): void {
  const { e } = writer;
  for (const name of writer.functions) {
    e.label(name);
    if (name === 'less_tnode' || name === 'less_rnode') lessBody(writer, name === 'less_tnode' ? 'tnode' : 'rnode');
    else if (name === 'step') {
      if (writer.chance(0.2)) {
        e.set(1, OBJECTS.plain.id);
        e.set(2, 0);
        e.kfunc('bpf_obj_new_impl');
        if (writer.chance(0.7)) {
          const skip = e.fresh();
          e.jump(0x15, 0, 0, skip);
          e.mov(1, 0);
          e.set(2, 0);
          e.kfunc('bpf_obj_drop_impl');
          e.label(skip);
        }
      } else if (writer.chance(0.1)) {
        e.set(1, 0);
        e.kfunc('bpf_throw');
      }
      e.set(0, 0);
      e.op(0x95);
    } else {
      const skip = e.fresh();
      e.jump(0x15, 1, 3, skip);
      e.kfunc('bpf_throw');
      e.label(skip);
      e.set(0, 1);
      e.op(0x95);
    }
  }
  if (handler === 'none') return;
  e.label(handler === 'good' ? 'handler' : 'bad_handler');
  if (writer.chance(0.15)) e.kfunc('bpf_throw');
  if (writer.chance(0.7)) e.set(0, 0);
  else e.mov(0, 1);
  e.op(0x95);
}

const FUNCTION_TYPES: Readonly<Record<string, number>> = {
  less_tnode: FUNCTIONS.less,
  less_rnode: FUNCTIONS.less,
  step: FUNCTIONS.loop,
  thrower: FUNCTIONS.thrower,
  global_thrower: FUNCTIONS.globalThrower,
  handler: FUNCTIONS.handler,
  bad_handler: FUNCTIONS.badHandler,
};

const UNTRUSTED_MAP = 6;

/**
 * Changes a few slots. Not of programs with exception callbacks (see {@link OwnedWriter}), nor of those that store to
 * untrusted kptrs: what would be stored then could be a number, of which kernels before the fix ask for a type.
 */
function mutate(r: Random, insns: Insn[]): Insn[] {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
  if (insns.some(({ opcode, src_reg: src, imm }) => opcode === 0x18 && src >= 5 && imm === UNTRUSTED_MAP)) return insns;
  const fixed = (i: number): boolean => [0x18, 0x00, 0x85, 0x95].includes(insns[i]!.opcode);
  const out = [...insns];
  const changes = 1 + Math.floor(r() * 3);
  for (let n = 0; n < changes; n++) {
    const i = Math.floor(r() * out.length);
    const old = out[i]!;
    if (fixed(i)) continue;
    const isJump = (old.opcode & 7) === 5;
    switch (Math.floor(r() * 5)) {
      case 0:
        if (!isJump) out[i] = { ...old, offset: old.offset + pick([8, -8, 4, 1, 16]) };
        break;
      case 1:
        out[i] = { ...old, imm: pick([0, 1, 8, 16, -8, old.imm + 8]) };
        break;
      case 2:
        out[i] = { ...old, dst_reg: Math.floor(r() * 11) };
        break;
      case 3:
        if ((old.opcode & 8) !== 0 || (old.opcode & 7) === 1) out[i] = { ...old, src_reg: Math.floor(r() * 11) };
        break;
      default:
        out[i] = makeInsn(0x05, 0, 0, 0, 0);
    }
  }
  return out;
}

/** A program for a program type. */
export function ownedProgram(r: Random, type: string, kfuncId: (name: string) => number): OwnedProgram {
  const handler = r() < 0.8 ? 'none' : r() < 0.85 ? 'good' : 'bad';
  const writer = new OwnedWriter(r, kfuncId, handler !== 'none');
  const { e } = writer;
  for (let off = -32; off < 0; off += 8) e.op(0x7a, 10, 0, off, 0);
  for (let reg = 6; reg < 10; reg++) e.set(reg, 0);
  if (r() < 0.7) {
    e.helper(7);
    e.op(0x7b, 10, 0, -16);
    e.op(0x79, 0, 10, -16);
  }
  const steps = 1 + Math.floor(r() * 8);
  for (let i = 0; i < steps; i++) writer.step(type === 'syscall');
  writer.end();
  writeFunctions(writer, handler);
  const insns = e.finish();
  const main = handler === 'none' ? FUNCTIONS.plainMain : handler === 'good' ? FUNCTIONS.handled : FUNCTIONS.badlyHandled; // prettier-ignore
  const functions = [{ insn: 0, type: main }];
  for (const [name, id] of Object.entries(FUNCTION_TYPES)) {
    const at = e.at(name);
    if (at !== undefined) functions.push({ insn: at, type: id });
  }
  functions.sort((a, b) => a.insn - b.insn);
  const isMutant = handler === 'none' && r() < 0.25;
  return { insns: isMutant ? mutate(r, insns) : insns, functions };
}
