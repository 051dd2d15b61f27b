import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeInsns, type Insn, type Program } from '@polybpf/isa';
import { expect, test } from 'vitest';
import { loadObject } from '../src/load-object.ts';
import { describeWithTools, inTemporaryFolder, run } from './system-tools.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');

/** Does this machine let us create the maps that libbpf creates before it relocates? */
const mayLoad = process.platform === 'linux' && process.arch === 'x64' && process.getuid?.() === 0;

describeWithTools(['gcc', 'pkg-config', 'clang-14', 'clang-19'], 'loadObject against libbpf', () => {
  const hasLibbpf = spawnSync('pkg-config', ['--exists', 'libbpf']).status === 0;
  const unable = hasLibbpf ? (mayLoad ? '' : ' (not root on x86_64 Linux)') : ' (missing: libbpf-dev)';

  test.skipIf(unable !== '').each([
    ['features.c', 'clang-14', '-mcpu=v2', '-DNO_EXTERNS'],
    ['features.c', 'clang-19', '-mcpu=v4', '-DNO_EXTERNS'],
    ['nested.c', 'clang-14', '-mcpu=v3'],
    ['nested.c', 'clang-19', '-mcpu=v3'],
  ])(`%s by %s: the instructions that the kernel would get${unable}`, (source, compiler, ...flags) => {
    inTemporaryFolder((folder) => {
      const object = join(folder, 'a.o');
      run(compiler, '-target', 'bpfel', '-g', '-O2', ...flags, '-c', join(FIXTURES, source), '-o', object);
      const dump = join(folder, 'dump');
      run('gcc', '-O1', join(import.meta.dirname, 'libbpf-dump.c'), '-o', dump, '-lbpf');
      const { programs } = loadObject(new Uint8Array(readFileSync(object)));
      expect(programs.length).toBeGreaterThan(1);
      for (const program of programs) {
        expect({ name: program.name, insns: namedInsns(program) }).toEqual({
          name: program.name,
          insns: libbpfInsns(dump, object, program.name),
        });
      }
    });
  });

  test.skipIf(!hasLibbpf)('program and attach types of section names', () => {
    const names = ['socket', 'kprobe/x', 'uprobe.s/p:f', 'kprobe.multi/a*', 'ksyscall/open', 'usdt/p:a:b', 'tc'];
    names.push('classifier', 'action', 'tracepoint/a/b', 'tp/a/b', 'raw_tp/x', 'raw_tracepoint.w/x', 'tp_btf/x');
    names.push('fentry/x', 'fexit.s/x', 'fmod_ret/x', 'freplace/x', 'lsm/x', 'lsm.s/x', 'lsm_cgroup/x', 'iter/x');
    names.push('syscall', 'xdp', 'xdp.frags', 'xdp/devmap', 'xdp.frags/cpumap', 'perf_event', 'lwt_in', 'lwt_out');
    names.push('lwt_xmit', 'lwt_seg6local', 'sockops', 'sk_skb', 'sk_skb/stream_parser', 'sk_skb/stream_verdict');
    names.push('sk_msg', 'lirc_mode2', 'flow_dissector', 'cgroup_skb/ingress', 'cgroup_skb/egress', 'cgroup/skb');
    names.push('cgroup/sock', 'cgroup/sock_create', 'cgroup/sock_release', 'cgroup/post_bind4', 'cgroup/bind6');
    names.push('cgroup/connect4', 'cgroup/sendmsg6', 'cgroup/recvmsg4', 'cgroup/getpeername6', 'cgroup/getsockname4');
    names.push('cgroup/sysctl', 'cgroup/getsockopt', 'cgroup/setsockopt', 'cgroup/dev', 'struct_ops/x', 'sk_lookup');
    names.push('sk_reuseport', 'sk_reuseport/migrate', 'iter.s/x', 'kretsyscall/x', 'uretprobe.s/x', 'kretprobe.multi');
    inTemporaryFolder((folder) => {
      const tool = join(folder, 'types');
      writeFileSync(join(folder, 'types.c'), TYPE_PRINTER);
      run('gcc', join(folder, 'types.c'), '-o', tool, '-lbpf');
      const told = run(tool, ...names)
        .trim()
        .split('\n');
      expect(told).toHaveLength(names.length);
      const code = names.map(
        (name) => `int f(void *) __attribute__((section("${name}"))); int f(void *c) { return 0; }`,
      );
      names.forEach((name, k) => {
        writeFileSync(join(folder, 'a.c'), code[k] ?? '');
        run('clang-19', '-target', 'bpfel', '-O2', '-c', join(folder, 'a.c'), '-o', join(folder, 'a.o'));
        const [program] = loadObject(new Uint8Array(readFileSync(join(folder, 'a.o')))).programs;
        const attach = program?.attachType?.replace('BPF_', '').toLowerCase() ?? '-';
        expect(`${name} ${program?.type} ${attach}`).toBe(canonical(told[k] ?? '', attach));
      });
    });
  });
});

/**
 * libbpf prints attach types by names of its own, and 0, which is also BPF_CGROUP_INET_INGRESS, where there is none.
 * Its newer spellings of the uapi's names are mapped back.
 */
function canonical(line: string, attach: string): string {
  const aliases: Record<string, string> = {
    cgroup_inet_ingress: attach === '-' ? '-' : 'cgroup_inet_ingress',
    trace_modify_return: 'modify_return',
    sk_reuseport_select_or_migrate: 'sk_reuseport_select_or_migrate',
  };
  return line.replace(/ (\S+)$/, (_, name: string) => ` ${aliases[name] ?? name}`);
}

const TYPE_PRINTER = `
#include <bpf/libbpf.h>
#include <stdio.h>
int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    enum bpf_prog_type type; enum bpf_attach_type attach;
    if (libbpf_prog_type_by_name(argv[i], &type, &attach)) { printf("%s ? ?\\n", argv[i]); continue; }
    printf("%s %s %s\\n", argv[i], libbpf_bpf_prog_type_str(type), libbpf_bpf_attach_type_str(attach));
  }
  return 0;
}
`;

type NamedInsn = Omit<Insn, 'imm'> & { readonly imm: number | string };

/** Our program with references to maps by name, in the form that libbpf gives to the kernel. */
function namedInsns({ insns, maps }: Program): NamedInsn[] {
  return insns.map((insn) => {
    if (insn.opcode !== 0x18 || insn.src_reg < 5) return insn;
    // BPF_PSEUDO_MAP_IDX (5) and _IDX_VALUE (6) stand for BPF_PSEUDO_MAP_FD (1) and _VALUE (2).
    return { ...insn, src_reg: insn.src_reg - 4, imm: maps[insn.imm]?.name ?? '?' };
  });
}

function libbpfInsns(dump: string, object: string, program: string): NamedInsn[] {
  const output = execFileSync(dump, [object, program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const maps = new Map([...output.matchAll(/^map (\d+) (.*)$/gm)].map(([, fd, name]) => [Number(fd), name ?? '']));
  const insns = decodeInsns(new Uint8Array(Buffer.from(/^insns (.*)$/m.exec(output)?.[1] ?? '', 'hex')));
  return insns.map((insn) => {
    if (insn.opcode !== 0x18 || (insn.src_reg !== 1 && insn.src_reg !== 2)) return insn;
    // libbpf puts the name of the object before those of data sections.
    return { ...insn, imm: (maps.get(insn.imm) ?? '?').replace(/^[^.]+(?=\.)/, '') };
  });
}
