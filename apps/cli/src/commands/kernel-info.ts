/** `polybpf kernel info`: the running kernel and what can be done with it. */
import { availableParallelism } from 'node:os';
import { formatError } from '@polybpf/errors';
import { type KernelHost, openLiveKernel, probeLiveKernel, readHost } from '@polybpf/kernel';
import { formatTable, printJson, printLine } from '../print.ts';

export interface KernelInfoFlags {
  readonly json?: boolean;
}

/** r0 = 42; exit */
const FORTY_TWO = Uint8Array.of(0xb7, 0, 0, 0, 42, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
/** Without one of these (CAP_SYS_ADMIN stands for the first two) loading needs luck. */
const WANTED = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN', 'CAP_SYSLOG', 'CAP_SYS_ADMIN'] as const;

interface Ability {
  readonly name: string;
  readonly usable: boolean;
  /** What is missing. */
  readonly reason: string | null;
}

/** Runs the command. */
export function runKernelInfo(flags: KernelInfoFlags): void {
  const host = readHost();
  const abilities = findAbilities(host);
  if (flags.json === true) {
    printJson({
      release: host.release,
      machine: host.machine,
      cpus: availableParallelism(),
      sysctls: Object.fromEntries(Object.entries(host.sysctls).map(([name, value]) => [name, value ?? null])),
      capabilities: host.capabilities,
      lockdown: host.lockdown ?? null,
      abilities,
    });
    return;
  }
  printLine(`Linux ${host.release} on ${host.machine}`);
  printLine('');
  const settings = Object.entries(host.sysctls).map(([name, value]) => [name, value ?? 'not there']);
  printLine(formatTable([['sysctl', 'value'], ...settings]));
  printLine('');
  const missing = WANTED.filter((name) => !host.capabilities.includes(name));
  printLine(`capabilities: ${host.capabilities.join(' ') || 'none'}${missing.length === 0 ? '' : `; not ${missing.join(' ')}`}`); // prettier-ignore
  if (host.lockdown !== undefined) printLine(`lockdown: ${host.lockdown}`);
  printLine('');
  const rows = abilities.map(({ name, usable, reason }) => [name, usable ? 'yes' : 'no', reason ?? '']);
  printLine(formatTable([['ability', 'usable', 'missing'], ...rows]));
}

/** Each is tried, not guessed. */
function findAbilities(host: KernelHost): Ability[] {
  const probe = probeLiveKernel();
  if (!probe.available) {
    const reason = formatError(probe.reason);
    return ['maps', 'load', 'test_run', 'jit', 'jited', 'btf'].map((name) => ({ name, usable: false, reason }));
  }
  using kernel = openLiveKernel();
  const load = kernel.load(FORTY_TWO, { type: 'sched_cls', logLevel: 4 });
  const ability = (name: string, usable: boolean, reason: string): Ability => ({
    name,
    usable,
    reason: usable ? null : reason,
  });
  const abilities = [ability('maps', true, '')];
  abilities.push(ability('load', load.accepted, load.accepted ? '' : `${load.errnoName}: CAP_BPF and CAP_NET_ADMIN`));
  if (!load.accepted) return abilities;
  const { retval } = kernel.testRun(load.fd, { data: new Uint8Array(64) });
  const info = kernel.programInfo(load.fd);
  abilities.push(ability('test_run', retval === 42, 'a result of 42'));
  abilities.push(ability('jit', info.jitedLength > 0, 'net.core.bpf_jit_enable = 1'));
  abilities.push(ability('jited', info.jited.length > 0, 'CAP_SYSLOG and kernel.kptr_restrict of 0 or 1'));
  abilities.push(ability('btf', host.btf, 'CONFIG_DEBUG_INFO_BTF'));
  return abilities;
}
