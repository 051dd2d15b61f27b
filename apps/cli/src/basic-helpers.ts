/**
 * The helpers that `run` gives programs: those that need nothing but the host. The same objects serve the interpreter
 * and native code.
 */

/** A helper without arguments. */
export interface BasicHelper {
  readonly id: number;
  readonly name: string;
  call(): bigint | number;
}

/** bpf_ktime_get_ns, bpf_get_prandom_u32, bpf_get_smp_processor_id, bpf_get_current_pid_tgid, bpf_ktime_get_boot_ns. */
export function basicHelpers(): readonly BasicHelper[] {
  return HELPERS;
}

const now = (): bigint => process.hrtime.bigint();
const HELPERS: readonly BasicHelper[] = [
  { id: 5, name: 'bpf_ktime_get_ns', call: now },
  { id: 7, name: 'bpf_get_prandom_u32', call: () => Math.floor(Math.random() * 2 ** 32) },
  { id: 8, name: 'bpf_get_smp_processor_id', call: () => 0 },
  { id: 14, name: 'bpf_get_current_pid_tgid', call: () => (BigInt(process.pid) << 32n) | BigInt(process.pid) },
  { id: 125, name: 'bpf_ktime_get_boot_ns', call: now },
];
