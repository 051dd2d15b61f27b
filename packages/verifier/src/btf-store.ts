/** Stores to kernel objects, which a few program types may do (kernel: btf_struct_access of bpf_verifier_ops). */
import { type Btf, type BtfComposite, type BtfType, sizeOf } from '@polybpf/btf';
import { KERNEL_OBJECT } from './btf-objects.ts';
import { type Env, reject } from './env.ts';
import { isStruct, resolved } from './kernel-types.ts';
import { EACCES, EFAULT } from './reject.ts';

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

/** Fields of struct tcp_sock that congestion control sets (kernel: bpf_tcp_ca_btf_struct_access). */
const TCP_FIELDS = ['sk_pacing_rate', 'sk_pacing_status', 'icsk_ca_priv', 'pending', 'snd_cwnd', 'snd_cwnd_cnt', 'snd_cwnd_stamp', 'snd_ssthresh', 'ecn_flags', 'app_limited']; // prettier-ignore

/** A store of a program that is a member of a struct of functions. */
function checkMemberStore(env: Env, struct: BtfComposite, off: number, size: number): void {
  const { btf, find } = env.kernel!;
  if (env.target?.struct !== 'tcp_congestion_ops') {
    if (struct.name !== 'bpf_dummy_ops_state') reject(EACCES, 'only access to bpf_dummy_ops_state is supported');
    if (off + size > struct.size) reject(EACCES, `write access at off ${off} with size ${size}`);
    return;
  }
  if (struct.name !== 'tcp_sock') reject(EACCES, 'only read is supported');
  for (const name of TCP_FIELDS) {
    const place = fieldPlace(btf, find('STRUCT', 'tcp_sock')!, name, 0);
    if (place === undefined) continue;
    const whole = name === 'icsk_ca_priv' ? off >= place.start && off < place.end : off === place.start;
    if (!whole) continue;
    if (off + size <= place.end) return;
    reject(EACCES, `write access at off ${off} with size ${size} beyond the member of tcp_sock ended at ${place.end}`);
  }
  reject(EACCES, `no write support to tcp_sock at off ${off}`);
}

/** First byte of a field of a struct or of those in it, and the byte behind it. */
function fieldPlace(
  btf: Btf,
  type: BtfType,
  field: string,
  base: number,
): { readonly start: number; readonly end: number } | undefined {
  if (!isStruct(type)) return undefined;
  for (const { name, type: id, bitOffset } of type.members) {
    const start = base + (bitOffset >> 3);
    if (name === field) return { start, end: start + sizeOf(btf, id) };
    const inner = resolved(btf, id);
    const found = inner === undefined ? undefined : fieldPlace(btf, inner, field, start);
    if (found !== undefined) return found;
  }
  return undefined;
}

const NETWORK: ReadonlySet<string> = new Set(['SCHED_CLS', 'SCHED_ACT', 'XDP']);

/** The program may store to the object there. */
export function checkBtfStore(env: Env, object: number, struct: BtfComposite, off: number, size: number): void {
  const { type } = env.variant;
  // A type of the program, which nobody owns here.
  if (object !== KERNEL_OBJECT && (NETWORK.has(type) || type === 'STRUCT_OPS')) {
    reject(EFAULT, 'verifier bug: reg->btf must be kernel btf');
  }
  if (NETWORK.has(type)) return checkConnectionStore(env, struct, off, size);
  if (type === 'STRUCT_OPS') return checkMemberStore(env, struct, off, size);
  reject(EACCES, 'only read is supported');
}
