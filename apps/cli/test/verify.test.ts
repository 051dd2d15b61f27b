/** `polybpf verify` and `polybpf explain`, as users call them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeProgram } from '@polybpf/isa';
import { parseInsns } from '@polybpf/asm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTPUT_SCHEMAS } from '../src/schemas.ts';
import { buildCli, type Cli } from './run-cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

const GOOD = 'r0 = 0\nexit\n';
const BAD = `r6 = *(u32 *)(r1 + 76)
r7 = *(u32 *)(r1 + 80)
r2 = r6
r2 += 14
if r2 > r7 goto +1
r0 = *(u16 *)(r6 + 20)
r0 = 0
exit
`;
const UNREADABLE = 'r0 = r3\nexit\n';

function file(name: string, text: string | Uint8Array): string {
  const path = join(cli.folder, name);
  writeFileSync(path, text);
  return path;
}

const verify = (...args: string[]) => cli.run(['verify', '--btf', 'none', ...args]);

function document(command: string, args: readonly string[], status: number): Record<string, unknown> {
  const result = cli.run([command, ...args, '--json']);
  expect({ status: result.status, stderr: result.stderr }).toEqual({ status, stderr: '' });
  const value = JSON.parse(result.stdout) as Record<string, unknown>;
  expect(OUTPUT_SCHEMAS[command]!.safeParse(value).error?.issues ?? []).toEqual([]);
  return value;
}

describe('verify', () => {
  it('prints a table, and tells the verdict by its exit status', () => {
    const good = verify(file('good.s', GOOD));
    expect(good).toMatchObject({ status: 0, stderr: '' });
    expect(good.stdout).toMatch(/^PROGRAM +VERDICT +INSNS +STATES +PEAK +STACK +TIME +MESSAGE\nmain +accept +2 /);
    const bad = verify(file('bad.s', BAD), '--type', 'sched_cls');
    expect(bad.status).toBe(1);
    expect(bad.stdout).toMatch(/main +reject +6 .*EACCES: R6 offset is outside of the packet/);
    expect(bad.stdout).toContain('4: (2d) if r2 > r7 goto pc+1          ; R2=pkt(off=14,r=14) R7=pkt_end()');
    expect(verify(file('type.s', GOOD), '--type', 'nonsense').status).toBe(3);
    expect(verify(join(cli.folder, 'missing'))).toMatchObject({ status: 2, stderr: expect.stringContaining('E_INPUT') }); // prettier-ignore
  });

  it('prints CSV with the columns of veristat', () => {
    const path = file('good.s', GOOD);
    const [head, row] = verify(path, '--csv').stdout.split('\n');
    expect(head).toBe(
      'file_name,prog_name,kernel,verdict,duration,total_insns,total_states,peak_states,stack_depth,message',
    );
    expect(row).toMatch(/good\.s,main,6\.18,success,\d+,2,0,0,0,$/);
    expect(verify(file('un.s', UNREADABLE), '--csv').stdout).toMatch(
      /un\.s,main,6\.18,failure,\d+,1,.*,R3 !read_ok\n$/,
    );
  });

  it('compares with an earlier run', () => {
    const path = file('change.s', GOOD);
    const base = file('base.json', verify(path, '--json').stdout);
    expect(verify(path, '--compare', base).stdout).toContain('no change since');
    file('change.s', 'r0 = 0\nr0 = 1\nexit\n');
    expect(verify(path, '--compare', base).stdout).toContain('main: processed 2 -> 3');
  });

  it('explains refusals in its JSON', () => {
    const { programs } = document('verify', [file('bad.s', BAD), '--type', 'sched_cls', '--annotate'], 1) as {
      programs: { explanation: Record<string, unknown>; annotation: { insns: object[]; profile: object[] } }[];
    };
    const { explanation, annotation } = programs[0]!;
    expect(explanation).toMatchObject({
      code: 'packet-access',
      errno: 13,
      subject: 'R6',
      known: 'pkt(r=14)',
      lost: { insn: 0, name: 'R6' },
      at: { insn: 5, source: { line: 6 } },
    });
    expect(explanation['path']).toContainEqual(expect.objectContaining({ insn: 4, branch: 'not taken' }));
    expect(annotation.insns[5]).toMatchObject({ visits: 1, registers: [{ name: 'R6', value: 'pkt(r=14)' }, { name: 'R10' }] }); // prettier-ignore
    expect(annotation.insns[6]).toMatchObject({ visits: 0 });
    expect(annotation.profile[0]).toMatchObject({ processed: 1 });
  });

  it('prints the form of kernel 7.3, and annotated programs', () => {
    const { stdout } = verify(file('un.s', UNREADABLE), '--log', 'v7', '--annotate');
    expect(stdout).toContain(`R3 !read_ok

Verification failed: Register type safety: Unreadable register

Reason:
  R3 has no value on this path`);
    expect(stdout).toMatch(/\nAt:\n {2}un\.s:1 \| r0 = r3\n {10}\| \^-- error: R3 !read_ok\n/);
    expect(stdout).toMatch(/\nCausal path:\n {2}no retained diagnostic events on this path\n\nSuggestion:\n/);
    expect(stdout).toMatch(
      /\nprocessed 1 insns [^]*\n {5}1 {8}0: \(bf\) r0 = r3 .*\n[^]* 1: \(95\) exit .*; not reached\n/,
    );
  });

  it('prints SARIF', () => {
    const { stdout, status } = verify(file('bad.s', BAD), '--type', 'sched_cls', '--log', 'sarif');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      version: '2.1.0',
      runs: [{ results: [{ ruleId: 'packet-access', level: 'error', locations: [{ physicalLocation: { region: { startLine: 6 } } }] }] }], // prettier-ignore
    });
  });
});

describe('verify --case', () => {
  const insns = (text: string): string => Buffer.from(encodeProgram(parseInsns(text), 'little')).toString('base64');

  it('gives a line for each case', () => {
    const lines = [
      { name: 'good', type: 'socket_filter', insns: insns(GOOD) },
      { name: 'bad', type: 1, insns: insns(UNREADABLE), maps: [] },
    ];
    const path = file('cases.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    const { stdout, status } = verify('--case', path);
    expect(status).toBe(1);
    expect(stdout).toBe(
      '{"name":"good","verdict":"accept","message":"","errno":0,"insn":null,"processed":2,"code":null}\n' +
        '{"name":"bad","verdict":"reject","message":"R3 !read_ok","errno":13,"insn":0,"processed":1,"code":"uninitialised-register"}\n',
    );
  });

  it('names the line of what is no case', () => {
    for (const [line, message] of [
      ['{', 'a case is one JSON object'],
      ['{"name":"x","type":"xdp","insns":"AAAA"}', 'a multiple of 8 bytes'],
    ] as const) {
      const good = JSON.stringify({ name: 'good', type: 'xdp', insns: insns(GOOD) });
      const { status, stderr } = verify('--case', file('broken.jsonl', `${good}\n\n${line}\n`));
      expect(status).toBe(2);
      expect(stderr).toContain(message);
      expect(stderr).toMatch(/broken\.jsonl: line 3/);
    }
  });
});

describe('explain', () => {
  it('reads a log, says what it means, and compares it with a run of its own', () => {
    const program = file('bad.s', BAD);
    const { stdout } = verify(program, '--type', 'sched_cls', '-v', '2');
    const log = file('bad.log', stdout.slice(stdout.indexOf('func#0')));
    const same = cli.run(['explain', log, '--obj', program, '--type', 'sched_cls', '--btf', 'none']);
    expect(same).toMatchObject({ status: 0, stderr: '' });
    expect(same.stdout).toMatch(/# loads 2 bytes from R6\+20 into R0\n/);
    expect(same.stdout).toContain('Memory bounds: Packet access without a proof [packet-access]');
    expect(same.stdout).toContain('  0: r6 = *(u32 *)(r1 +76)  ->  R6=pkt(r=0)\n');
    expect(same.stdout).toContain('Our own run says the same.');
    writeFileSync(log, readFileSync(log, 'utf8').replace('R2=pkt(off=14,r=0)', 'R2=pkt(off=14,r=9)'));
    const other = document('explain', [log, '--obj', program, '--type', 'sched_cls', '--btf', 'none'], 1);
    expect(other['divergence']).toMatchObject({ theirs: expect.stringContaining('r=9'), ours: expect.stringContaining('r=0') }); // prettier-ignore
    expect(other['advice']).toMatchObject({ code: 'packet-access', register: 6 });
  });

  it('reads the form of kernel 7.3 and of older kernels', () => {
    const modern = verify(file('un.s', UNREADABLE), '--log', 'v7').stdout;
    const read = document('explain', [file('modern.log', modern.slice(modern.indexOf('0: R1')))], 0);
    expect(read).toMatchObject({ message: 'R3 !read_ok', report: { title: 'Unreadable register' }, insn: 0 });
    const old = `0: R1=ctx(id=0,off=0,imm=0) R10=fp0
0: (85) call bpf_get_prandom_u32#7    ; R0_w=inv(id=0)
1: (bf) r1 = r10
2: (07) r1 += -8
3: (0f) r1 += r0
last_idx 3 first_idx 0
regs=1 stack=0 before 2: (07) r1 += -8
math between fp pointer and register with unbounded min value is not allowed
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;
    const before = document('explain', [file('old.log', old)], 0);
    expect(before).toMatchObject({ insn: 3, advice: { code: 'pointer-arithmetic' }, accepted: false });
  });

  it('refuses what is no log', () => {
    expect(cli.run(['explain', file('text', 'hello\n')])).toMatchObject({ status: 2, stderr: expect.stringContaining('E_INPUT') }); // prettier-ignore
  });
});

describe('compile --verified', () => {
  it('refuses what the verifier refuses, and drops what is proven', () => {
    const bad = cli.run(['compile', file('un.s', UNREADABLE), '--target', 'x86_64', '--verified', '--json']);
    expect(bad).toMatchObject({ status: 1, stderr: expect.stringContaining('the verifier refuses main: R3 !read_ok') });
    const program = `r1 = 3
r2 = r10
r2 += -8
*(u64 *)(r2 + 0) = r1
if r1 == 4 goto +1
goto +1
r1 /= 5
r0 = *(u64 *)(r2 + 0)
exit
`;
    const path = file('proven.s', program);
    const size = (...args: string[]): number => {
      const { outputs } = document('compile', [path, '--target', 'x86_64', ...args], 0) as {
        outputs: { programs: { codeBytes: number }[] }[];
      };
      return outputs[0]!.programs[0]!.codeBytes;
    };
    expect(size('--verified')).toBeLessThan(size());
    expect(size('--bounds', 'sandbox', '--verified')).toBeLessThan(size('--bounds', 'sandbox'));
  });
});
