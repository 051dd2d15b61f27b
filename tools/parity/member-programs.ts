/** Programs that are members of structs of functions: congestion control, and the kernel's own test struct. */
import { resolveType, typeById } from '../../packages/btf/src/index.ts';
import { call, EXIT, hasFunction, idOf, insn, jump, move, mutate, type Piece, pick, type RunOptions, set, stackAt, type Trial, types } from './kernel-calls.ts'; // prettier-ignore
import type { Random } from './random-programs.ts';

const STRUCTS = ['tcp_congestion_ops', 'bpf_dummy_ops'];
const SIZES = [0x00, 0x08, 0x10, 0x18];
const HELPERS = [1, 5, 6, 7, 8, 14, 49, 57, 93, 107, 116, 118, 136, 195];
const KFUNCS = ['tcp_slow_start', 'tcp_cong_avoid_ai', 'tcp_reno_ssthresh', 'tcp_reno_undo_cwnd', 'tcp_reno_cong_avoid', 'bpf_rcu_read_lock', 'bpf_task_release', 'bpf_cubic_init', 'cubictcp_init', 'bbr_init', 'bpf_sock_destroy', 'bpf_skb_ct_lookup', 'bpf_cast_to_kern_ctx'].filter(hasFunction); // prettier-ignore

interface Place {
  readonly off: number;
  readonly end: number;
}

/** Fields of a struct and of those in it. */
function fields(id: number, base: number, depth: number, found: Place[]): Place[] {
  const type = typeById(types, id);
  if (type.kind !== 'STRUCT' && type.kind !== 'UNION') return found;
  for (const { type: of, bitOffset } of type.members) {
    const inner = resolveType(types, of);
    const off = base + (bitOffset >> 3);
    if ((inner.kind === 'STRUCT' || inner.kind === 'UNION') && depth < 4) fields(inner.id, off, depth + 1, found);
    else found.push({ off, end: off + ('size' in inner ? inner.size : 8) });
  }
  return found;
}

const TCP = fields(idOf('STRUCT', 'tcp_sock'), 0, 0, []);
const SOCK = fields(idOf('STRUCT', 'sock'), 0, 0, []);

function step(r: Random): Piece[] {
  const reg = pick(r, [7, 7, 7, 8, 9]);
  const { off } = pick(
    r,
    r() < 0.5
      ? TCP
      : r() < 0.5
        ? SOCK
        : [
            { off: 0, end: 4 },
            { off: 4, end: 8 },
          ],
  );
  const at = Math.min(32000, r() < 0.9 ? off : off + pick(r, [1, 2, 4, -1]));
  switch (Math.floor(r() * 8)) {
    case 0: return [insn(0x61 | pick(r, SIZES), pick(r, [0, 8, 9]), reg, at, 0)];
    case 1: case 2: return [insn(0x62 | pick(r, SIZES), reg, 0, at, 1)];
    case 3: return [insn(0x63 | pick(r, SIZES), reg, pick(r, [8, 9]), at, 0)];
    case 4: return [move(1, reg), set(2, 1), set(3, 1), call(pick(r, KFUNCS))];
    case 5: return [move(1, reg), set(2, 1), set(3, 1), ...stackAt(4, -8), set(5, 4), insn(0x85, 0, 0, 0, pick(r, HELPERS))];
    case 6: return [jump(0x15, reg, 0, 'out')];
    default: return [insn(0x61 | (r() < 0.8 ? 0x18 : pick(r, SIZES)), pick(r, [8, 9]), 6, pick(r, [0, 8, 16, 24, 32, 40, 96, -8, 4]), 0)];
  } // prettier-ignore
}

/** One program. */
export function memberProgram(r: Random): Trial {
  const struct = r() < 0.98 ? pick(r, STRUCTS) : 'file';
  const id = idOf('STRUCT', struct);
  const count = (typeById(types, id) as { members: readonly unknown[] }).members.length;
  const index = Math.floor(r() * (count + (r() < 0.05 ? 2 : 0)));
  const groups: Piece[][] = [[move(6, 1)], [insn(0x7a, 10, 0, -8, 0)], [set(8, 0), set(9, 0)]];
  groups.push([insn(0x79, 7, 6, r() < 0.9 ? 0 : pick(r, [8, 16, 24]), 0)]);
  for (let n = Math.floor(r() * 4); n > 0; n--) groups.push(step(r));
  groups.push(['out'], r() < 0.85 ? [...EXIT] : r() < 0.5 ? [insn(0x95, 0, 0, 0, 0)] : [move(0, pick(r, [6, 7, 8])), insn(0x95, 0, 0, 0, 0)]); // prettier-ignore
  const flags = r() < 0.2 ? 16 : 0;
  const license = r() < 0.02 ? { license: 'MIT' } : {};
  const pieces = mutate(r, groups, 0.1);
  return { type: 'struct_ops', attachType: index, attachBtfName: struct, attachBtfId: id, pieces, flags, ...license };
}

/** What all of them share. */
export const MEMBERS: RunOptions = { title: 'members of structs of functions' };
