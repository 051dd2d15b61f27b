/** What the running kernel is and what this process may do with it: read from /proc and /sys, nothing is changed. */
import { existsSync, readFileSync } from 'node:fs';
import { machine, release } from 'node:os';
import { gunzipSync } from 'node:zlib';

/** The running kernel. */
export interface KernelHost {
  /** `uname -r`, e.g. `6.18.1`. */
  readonly release: string;
  /** `uname -m`, e.g. `x86_64`. */
  readonly machine: string;
  /** By sysctl name, e.g. `net.core.bpf_jit_enable`; undefined for one that is absent or may not be read. */
  readonly sysctls: Readonly<Record<(typeof SYSCTLS)[number], string | undefined>>;
  /** Effective capabilities that matter for bpf(2), e.g. `CAP_BPF`. */
  readonly capabilities: readonly string[];
  /** Lockdown mode: `none`, `integrity`, `confidentiality`; undefined without the lockdown module. */
  readonly lockdown: string | undefined;
  /** Whether the kernel has BTF. */
  readonly btf: boolean;
  /** Whether `jited` images come with their bytes (kernel/ksyms_common.c, kallsyms_show_value). */
  readonly canReadJited: boolean;
}

const SYSCTLS = [
  'net.core.bpf_jit_enable',
  'net.core.bpf_jit_harden',
  'net.core.bpf_jit_kallsyms',
  'net.core.bpf_jit_limit',
  'kernel.unprivileged_bpf_disabled',
  'kernel.kptr_restrict',
  'kernel.perf_event_paranoid',
  'kernel.bpf_stats_enabled',
] as const;

/** Bits of `CapEff` (include/uapi/linux/capability.h). */
const CAPABILITIES: Readonly<Record<string, number>> = {
  CAP_NET_ADMIN: 12,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
  CAP_SYSLOG: 34,
  CAP_PERFMON: 38,
  CAP_BPF: 39,
};

/** Reads all of it. */
export function readHost(): KernelHost {
  const sysctls = Object.fromEntries(SYSCTLS.map((name) => [name, readSysctl(name)])) as KernelHost['sysctls'];
  const capabilities = readCapabilities();
  return {
    release: release(),
    machine: machine(),
    sysctls,
    capabilities,
    lockdown: /\[(\w+)\]/.exec(readOptional('/sys/kernel/security/lockdown') ?? '')?.[1],
    btf: existsSync('/sys/kernel/btf/vmlinux'),
    canReadJited: showsKernelValues(sysctls, capabilities),
  };
}

function showsKernelValues(sysctls: KernelHost['sysctls'], capabilities: readonly string[]): boolean {
  const restrict = Number(sysctls['kernel.kptr_restrict'] ?? 2);
  if (restrict === 0 && Number(sysctls['kernel.perf_event_paranoid'] ?? 2) <= 1) return true;
  return restrict <= 1 && capabilities.includes('CAP_SYSLOG');
}

function readSysctl(name: string): string | undefined {
  return readOptional(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim();
}

function readCapabilities(): string[] {
  const digits = /^CapEff:\s*([0-9a-f]+)/m.exec(readOptional('/proc/self/status') ?? '')?.[1] ?? '0';
  const set = BigInt(`0x${digits}`);
  return Object.entries(CAPABILITIES).flatMap(([name, bit]) => ((set >> BigInt(bit)) & 1n) === 1n ? [name] : []); // prettier-ignore
}

/**
 * The kernel's build configuration from `/proc/config.gz` or `/boot`: `CONFIG_X` to `y`, `m` or what stands after `=`,
 * undefined when there is none to read.
 */
export function readKernelConfig(): ReadonlyMap<string, string> | undefined {
  const text = readConfigText();
  if (text === undefined) return undefined;
  const config = new Map<string, string>();
  for (const line of text.split('\n')) {
    const found = /^(CONFIG_\w+)=(.*)$/.exec(line);
    if (found !== null) config.set(found[1]!, found[2]!);
  }
  return config;
}

function readConfigText(): string | undefined {
  try {
    return gunzipSync(readFileSync('/proc/config.gz')).toString();
  } catch {
    return readOptional(`/boot/config-${release()}`);
  }
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
