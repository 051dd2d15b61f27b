/** Stores to kernel objects, which a few program types may do (kernel: btf_struct_access of bpf_verifier_ops). */
import { type BtfComposite, sizeOf } from '@polybpf/btf';
import { type Env, notModelled, reject } from './env.ts';
import { isStruct } from './kernel-types.ts';
import { EACCES } from './reject.ts';

/** A store of a network program: to the mark of a connection (kernel: _nf_conntrack_btf_struct_access). */
function checkConnectionStore(env: Env, struct: BtfComposite, off: number, size: number): void {
  if (struct.name !== 'nf_conn' && struct.name !== 'nf_conn___init') reject(EACCES, 'only read is supported');
  const { btf, find } = env.kernel!;
  // Both structs have the same layout.
  const conn = find('STRUCT', 'nf_conn');
  const mark = conn !== undefined && isStruct(conn) ? conn.members.find(({ name }) => name === 'mark') : undefined;
  if (mark === undefined || mark.bitOffset !== off * 8) reject(EACCES, `no write support to nf_conn at off ${off}`);
  const end = off + sizeOf(btf, mark!.type);
  if (off + size <= end) return;
  reject(EACCES, `write access at off ${off} with size ${size} beyond the member of nf_conn ended at ${end}`);
}

const NETWORK: ReadonlySet<string> = new Set(['SCHED_CLS', 'SCHED_ACT', 'XDP']);

/** The program may store to the object there. */
export function checkBtfStore(env: Env, struct: BtfComposite, off: number, size: number): void {
  const { type } = env.variant;
  if (NETWORK.has(type)) return checkConnectionStore(env, struct, off, size);
  if (type === 'STRUCT_OPS') return notModelled(`store to struct ${struct.name}`);
  reject(EACCES, 'only read is supported');
}
