/** VMs around assembly text. Helpers are called by name: `call bpf_ktime_get_ns`. */
import { assemble } from '@polybpf/asm';
import { profileByName } from '@polybpf/helpers';
import { type BpfEvent, createVm, type Vm, type VmOptions, type VmRunResult } from '@polybpf/runtime';

/** A VM with one program. */
export function asmVm(lines: readonly string[], type = 'syscall', options: Partial<VmOptions> = {}): Vm {
  const { helpers } = profileByName('6.18');
  const text = lines.join('\n').replace(/call (bpf_\w+)/g, (_all, name: string) => `call ${helpers[name]!.id}`);
  const program = assemble(`${text}\nexit`, { endian: options.program?.endian ?? 'little' });
  return createVm({ ...options, program: { ...program, name: 'main', type } });
}

/** Runs assembly text once; throws on faults. */
export function runAsm(
  lines: readonly string[],
  type?: string,
  event?: BpfEvent,
  options?: Partial<VmOptions>,
): VmRunResult {
  return asmVm(lines, type, options).program().run(event);
}

/** Signed value of r0. */
export function signed(result: VmRunResult): number {
  return Number(BigInt.asIntN(64, result.r0));
}
