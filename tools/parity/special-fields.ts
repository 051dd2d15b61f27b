/** Random map values with special fields: what BPF_BTF_LOAD and MAP_CREATE say of them, and which of their bytes programs may load, by the live kernel and by us. `special-fields.ts COUNT SEED` */
import { readFileSync } from 'node:fs';
import { type BtfType, encodeBtf } from '../../packages/btf/src/index.ts';
import { isBpfError } from '../../packages/errors/src/index.ts';
import { makeInsn } from '../../packages/isa/src/index.ts';
import { openLiveKernel } from '../../packages/kernel/src/index.ts';
import { verify } from '../../packages/verifier/src/index.ts';
import { difference, Tally, toldByKernel, toldByUs } from './compare.ts';
import { rng, type Random } from './random-programs.ts';

type Unnumbered = BtfType extends infer T ? (T extends BtfType ? Omit<T, 'id'> : never) : never;

/** BTF with a random struct as its last one. */
function randomBtf(r: Random): { readonly bytes: Uint8Array; readonly value: number; readonly size: number } {
  const types: BtfType[] = [{ kind: 'VOID', id: 0, name: '' }];
  const add = (type: Unnumbered): number => types.push({ ...type, id: types.length } as BtfType) - 1;
  const pick = <T>(list: readonly T[]): T => list[Math.floor(r() * list.length)]!;
  const u32 = add({ kind: 'INT', name: 'u32', size: 4, encoding: 0, bitOffset: 0, bits: 32 });
  const array = (type: number, nelems: number): number =>
    add({ kind: 'ARRAY', name: '', type, indexType: u32, nelems });
  const struct = (name: string, size: number, members: readonly (readonly [string, number, number])[]): number =>
    add({ kind: 'STRUCT', name, size, members: members.map(([field, type, off]) => ({ name: field, type, bitOffset: off * 8, bitfieldSize: 0 })) }); // prettier-ignore
  const opaque = (name: string, usual: number): number => {
    const size = r() < 0.02 && /timer|head|root/.test(name) ? usual - 4 : usual;
    return struct(name, size, [['x', array(u32, size / 4), 0]]);
  };
  const specials: [type: number, size: number, align: number][] = [
    [opaque('bpf_spin_lock', 4), 4, 4],
    [opaque('bpf_timer', 16), 16, 8],
    [opaque('bpf_wq', 16), 16, 8],
    [opaque('bpf_refcount', 4), 4, 4],
    [opaque('bpf_list_node', 24), 24, 8],
    [opaque('bpf_rb_node', 32), 32, 8],
    [opaque('bpf_res_spin_lock', 4), 4, 4],
    [opaque('bpf_task_work', 8), 8, 8],
  ];
  const head = opaque('bpf_list_head', 16);
  const root = opaque('bpf_rb_root', 16);
  const [listNode, treeNode] = [specials[4]![0], specials[5]![0]];
  struct('lone', 32, [['key', u32, 0], ['n', listNode, 8]]); // prettier-ignore
  struct('tree', 40, [['n', treeNode, 0], ['key', u32, 32]]); // prettier-ignore
  const targets = ['task_struct', 'bpf_cpumask', 'sock', 'nobody'].map((name) => struct(name, 4, [['x', u32, 0]]));
  const kptr = (): number => {
    const tag = pick(['kptr', 'kptr', 'kptr_untrusted', 'percpu_kptr', ...(r() < 0.1 ? ['other', 'uptr'] : [])]);
    let target = r() < 0.05 ? u32 : pick(targets);
    if (r() < 0.05) target = add({ kind: 'CONST', name: '', type: target, attribute: false });
    const tagged = add({ kind: 'TYPE_TAG', name: tag, type: target, attribute: false });
    const pointer = add({ kind: 'PTR', name: '', type: tagged, attribute: false });
    const outer = r();
    if (outer < 0.04) return add({ kind: 'VOLATILE', name: '', type: pointer, attribute: false });
    return outer < 0.08 ? add({ kind: 'CONST', name: '', type: pointer, attribute: false }) : pointer;
  };
  const build = (name: string, depth: number): { id: number; size: number } => {
    const members: [string, number, number][] = [];
    const tags: [number, string][] = [];
    let at = 0;
    const place = (type: number, size: number, align: number): void => {
      at = r() < 0.03 ? at : Math.ceil(at / align) * align;
      members.push([`m${members.length}`, type, at]);
      at += size;
    };
    const count = 1 + Math.floor(r() * 6);
    for (let i = 0; i < count; i++) {
      const kind = r();
      if (kind < 0.25) place(u32, 4, 4);
      else if (kind < 0.5) {
        const [type, size, align] = r() < 0.5 ? specials[0]! : pick(specials);
        place(r() < 0.05 ? add({ kind: 'TYPEDEF', name: 'alias', type, attribute: false }) : type, size, align);
      } else if (kind < 0.65) {
        const isList = r() < 0.5;
        tags.push([members.length, pick(isList ? ['contains:lone:n', 'contains:lone:n', 'contains:lone:key', 'contains:tree:n', 'contains:lone', 'contains:none:n', 'lone:n'] : ['contains:tree:n', 'contains:tree:n', 'contains:lone:n'])]); // prettier-ignore
        place(isList ? head : root, 16, 8);
      } else if (kind < 0.9) {
        const pointer = kptr();
        const many = r() < 0.15 ? 1 + Math.floor(r() * 6) : 0;
        place(many === 0 ? pointer : array(pointer, many), 8 * Math.max(1, many), 8);
      } else if (depth < 2) {
        const inner = build(`inner${types.length}`, depth + 1);
        const many = r() < 0.3 ? 2 : 0;
        place(many === 0 ? inner.id : array(inner.id, many), inner.size * Math.max(1, many), 8);
      }
    }
    const size = Math.max(8, Math.ceil(at / 8) * 8);
    const id = struct(name, size, members);
    for (const [index, text] of tags) add({ kind: 'DECL_TAG', name: text, type: id, componentIndex: index, attribute: false }); // prettier-ignore
    return { id, size };
  };
  const { id, size } = build('value', 0);
  return { bytes: encodeBtf({ endian: 'little', types }), value: id, size };
}

const [count = 300, seed = 1] = process.argv.slice(2).map(Number);
const kernelBtf = new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux'));
using kernel = openLiveKernel();
const tally = new Tally();
const made = { btf: 0, map: 0 };
for (let i = 0; i < count; i++) {
  const r = rng(seed * 65537 + i);
  const { bytes, value, size } = randomBtf(r);
  const type = r() < 0.6 ? 1 : [2, 5, 6, 9, 10][Math.floor(r() * 5)]!;
  const map = { type, keySize: 4, valueSize: size, maxEntries: 1, btfKeyTypeId: 1, btfValueTypeId: value, name: '' };
  const loaded = kernel.loadBtf(bytes);
  let refused = loaded.accepted ? 0 : loaded.errno;
  let fd = -1;
  if (loaded.accepted) {
    made.btf++;
    try {
      fd = kernel.createMap({ ...map, btfFd: loaded.fd }).fd;
      made.map++;
    } catch (error) {
      if (!isBpfError(error)) throw error;
      refused = { EINVAL: 22, EOPNOTSUPP: 95, ELOOP: 40, EACCES: 13, E2BIG: 7, EFAULT: 14, ENOENT: 2 }[/got (\w+)/.exec(error.message)![1]!] ?? -1; // prettier-ignore
    }
  }
  for (let off = 0; off < size; off += 4) {
    const insns = [makeInsn(0x18, 1, 5, 0, 0), makeInsn(0, 0, 0, 0, 0), makeInsn(0xbf, 2, 10, 0, 0), makeInsn(0x07, 2, 0, 0, -4), makeInsn(0x62, 10, 0, -4, 0), makeInsn(0x85, 0, 0, 0, 1), makeInsn(0x15, 0, 0, 1, 0), makeInsn(r() < 0.5 ? 0x61 : 0x79, 0, 0, off, 0), makeInsn(0xb7, 0, 0, 0, 0), makeInsn(0x95, 0, 0, 0, 0)]; // prettier-ignore
    const report = verify({ type: 'sched_cls', insns, maps: [{ ...map, btf: bytes }] }, { kernelBtf });
    if (fd < 0) {
      const same = report.verdict === 'reject' && report.errno === refused && report.message === '';
      tally.add(same ? undefined : `${loaded.accepted ? 'map' : 'BTF'} ${refused}: ours ${report.verdict} ${report.errno}`, String(i)); // prettier-ignore
      break;
    }
    const program = kernel.load(insns, { type: 'sched_cls', fdArray: [fd], logLevel: 4 });
    if (program.accepted) kernel.close(program.fd);
    tally.add(difference(toldByKernel(program), toldByUs(report)), `${i}+${off}`);
  }
  if (fd >= 0) kernel.close(fd);
  if (loaded.accepted) kernel.close(loaded.fd);
}
tally.print(`special fields (${made.btf} BTF, ${made.map} maps)`);
