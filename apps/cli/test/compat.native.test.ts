/** `polybpf compat` on what Debian ships: objects that other people compiled, and run on kernels of today. */
import { loadObject } from '@polybpf/loader';
import { describe, expect, it } from 'vitest';
import { ciliumObjects, libbpfTools } from '../../../packages/loader/test/corpus.ts';
import { lacking, lowestKernel, registries } from '../src/compat/judge.ts';
import { programNeeds } from '../src/compat/needs.ts';
import { KERNEL_PROFILES } from '@polybpf/helpers';

const TOOLS = libbpfTools();
const CILIUM = ciliumObjects();
if ((TOOLS.length === 0 || CILIUM.length === 0) && process.env['CI']) throw new Error('missing packages: libbpf-tools, golang-github-cilium-ebpf-dev'); // prettier-ignore

/** `object program: kernel because of`. */
function answers(objects: typeof TOOLS): Map<string, string> {
  const found = objects.flatMap(({ name, bytes }) =>
    programNeeds(loadObject(bytes, { illegal: 'keep' })).map(({ program, needs }): [string, string] => {
      const { release, because } = lowestKernel(needs);
      return [`${name} ${program.name}`, `${release ?? 'none'} ${because.map((need) => need.name).join(' ')}`];
    }),
  );
  return new Map(found);
}

describe.skipIf(TOOLS.length === 0)('objects of libbpf-tools', () => {
  it('all run on some kernel, none on a later one than 5.8', () => {
    const found = answers(TOOLS);
    expect(found.size).toBeGreaterThan(200);
    const releases = new Set([...found.values()].map((answer) => answer.split(' ')[0]));
    expect([...releases].sort()).toEqual(['4.1', '4.17', '4.2', '4.4', '5.2', '5.3', '5.5', '5.8']);
    expect(found.get('tcplife inet_sock_set_state')).toBe('5.3 bounded_loops');
    expect(found.get('oomkill oom_kill_process')).toMatch(/^5\.8 bpf_ringbuf_reserve/);
  });

  it('lack nothing on 6.18, and ring buffers on 5.4', () => {
    const [old, now] = registries([KERNEL_PROFILES['5.4'], KERNEL_PROFILES['6.18']]);
    const needs = TOOLS.flatMap(({ bytes }) => programNeeds(loadObject(bytes)));
    expect(needs.flatMap((each) => lacking(now!, each))).toEqual([]);
    const missing = new Set(needs.flatMap((each) => lacking(old!, each).map(({ name }) => name)));
    expect(missing).toContain('RINGBUF');
    expect(missing).toContain('BPF_TRACE_FENTRY');
    expect(missing).not.toContain('bpf_perf_event_output');
  });
});

describe.skipIf(CILIUM.length === 0)('test data of cilium/ebpf', () => {
  it('run on some kernel, but for one that calls a function of nobody', () => {
    const nowhere = [...answers(CILIUM)].filter(([, answer]) => answer.startsWith('none'));
    expect(nowhere.map(([name, answer]) => `${name.replace(/-e[bl]\.elf.*/, '')}: ${answer}`)).toEqual([
      'testdata/fwd_decl: none fwd',
      'testdata/fwd_decl: none fwd',
    ]);
  });

  it('need the same in both byte orders', () => {
    const of = (order: string): [string, string][] =>
      [...answers(CILIUM.filter(({ name }) => name.endsWith(`-${order}.elf`)))].map(([name, answer]) => [name.replace(`-${order}`, ''), answer]); // prettier-ignore
    expect(of('eb')).toEqual(of('el'));
  });
});
