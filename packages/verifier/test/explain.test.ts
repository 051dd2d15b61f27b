import { describe, expect, it } from 'vitest';
import { adviseOn, explain, formatExplanation, formatModernLog, verify, type VerifyInput } from '../src/index.ts';
import { EXIT, program, SHORT_PACKET } from './program.ts';

const packet: VerifyInput = {
  insns: SHORT_PACKET,
  type: 'sched_cls',
  lines: [
    { insn: 0, file: 'src/a.c', line: 3, text: '  char *data = skb->data;' },
    { insn: 2, file: 'src/a.c', line: 4, text: '  if (data + 14 > skb->data_end)' },
    { insn: 5, file: 'src/a.c', line: 5, text: '  return *(short *)(data + 20);' },
  ],
};

describe('explain', () => {
  it('says what was needed, what was known, and where it came from', () => {
    const found = explain(packet)!;
    expect(found).toMatchObject({
      code: 'packet-access',
      category: 'Memory bounds',
      message: 'R6 offset is outside of the packet',
      errno: 13,
      at: { insn: 5, text: '(69) r0 = *(u16 *)(r6 +20)', source: { file: 'src/a.c', line: 5 } },
      subject: 'R6',
      known: 'pkt(r=14)',
      lost: { insn: 0, name: 'R6', kind: 'set' },
    });
    expect(found.lines).toHaveLength(2);
    expect(found.causes.map(({ insn, kind, before, value }) => ({ insn, kind, before, value }))).toContainEqual({
      insn: 4,
      kind: 'learnt',
      before: 'pkt(r=0)',
      value: 'pkt(r=14)',
    });
    expect(found.state).toContainEqual({ name: 'R2', value: 'pkt(off=14,r=14)' });
  });

  it('gives the path with branches and changes only', () => {
    const { path, skipped } = explain(packet)!;
    expect(skipped).toBe(0);
    expect(path.map(({ insn, branch }) => [insn, branch])).toEqual([
      [0, undefined],
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [4, 'not taken'],
      [5, undefined],
    ]);
    expect(path[3]!.changes).toEqual([{ name: 'R2', value: 'pkt(off=14,r=0)' }]);
  });

  it('follows a value through the stack and calls of functions', () => {
    const insns = program(
      [0x85, 0, 0, 0, 7], // 0: r0 = random
      [0x7b, 10, 0, -8], // 1: fp-8 = r0
      [0x79, 1, 10, -8], // 2: r1 = fp-8
      [0x85, 0, 1, 0, 1], // 3: call 5
      EXIT, // 4
      [0xbf, 2, 10], // 5: r2 = fp
      [0x0f, 2, 1], // 6: r2 += r1
      [0xb7, 0], // 7
      EXIT,
    );
    const found = explain({ insns, type: 'socket_filter' })!;
    expect(found.at).toMatchObject({ insn: 6 });
    expect(found.causes.map(({ insn, name }) => `${insn} ${name}`)).toEqual(['5 frame1:R2']);
    const other = explain({
      insns: program(
        [0x85, 0, 0, 0, 7],
        [0x7b, 10, 0, -8],
        [0x79, 1, 10, -8],
        [0x85, 0, 1, 0, 1],
        EXIT,
        [0x71, 0, 1, 0],
        EXIT,
      ),
      type: 'socket_filter',
    })!;
    expect(other).toMatchObject({ message: "R1 invalid mem access 'scalar'", subject: 'frame1:R1' });
    expect(other.causes.map(({ insn, name }) => `${insn} ${name}`)).toEqual(['0 R0', '1 fp-8', '2 R1', '3 frame1:R1']);
    expect(other.lost).toMatchObject({ insn: 0 });
  });

  it('shortens long paths in the middle', () => {
    // for (r6 = 0; r6 < 200; r6++); then read r3
    const insns = program([0xb7, 6], [0x07, 6, 0, 0, 1], [0xa5, 6, 0, -2, 200], [0xbf, 0, 3], EXIT);
    const { path, skipped } = explain({ insns, type: 'socket_filter' })!;
    expect(path).toHaveLength(300);
    expect(skipped).toBe(1 + 400 + 1 - 300);
    expect(path[299]!.insn).toBe(3);
  });

  it('explains what is refused before anything is walked, and nothing of what is accepted', () => {
    expect(explain({ insns: program([0x05, 0, 0, 7], EXIT), type: 'xdp' })).toMatchObject({ code: 'control-flow', path: [] }); // prettier-ignore
    expect(explain({ insns: [], type: 'xdp' })).toMatchObject({ message: '', at: undefined });
    expect(explain({ insns: program([0xb7, 0], EXIT), type: 'xdp' })).toBeUndefined();
  });
});

describe('the form of kernel 7.3', () => {
  it('has its sections, in their order, between log and figures', () => {
    const { log } = verify(packet, { logLevel: 1 });
    const text = formatModernLog(log, explain(packet)!);
    const heads = [...text.matchAll(/^(?:Verification failed|Reason|At|Causal path|Suggestion|processed)/gm)].map(
      String,
    );
    expect(heads).toEqual(['Verification failed', 'Reason', 'At', 'Causal path', 'Suggestion', 'processed']);
    expect(formatExplanation(explain(packet)!)).toContain(`At:
  a.c:5 | return *(short *)(data + 20);
          | ^-- error: R6 offset is outside of the packet
  Instruction context:
      2 | (bf) r2 = r6
      3 | (07) r2 += 14
      4 | (2d) if r2 > r7 goto pc+1
  >>> 5 | (69) r0 = *(u16 *)(r6 +20)
`);
  });
});

describe('advice', () => {
  it.each([
    ['R3 !read_ok', 'uninitialised-register', 3],
    ["R0 invalid mem access 'map_value_or_null'", 'invalid-pointer', 0],
    ['R2 unbounded memory access, make sure to bounds check any such access', 'memory-bounds', 2],
    ['Unreleased reference id=2 alloc_insn=7', 'reference-leak', undefined],
    ['infinite loop detected at insn 4', 'infinite-loop', undefined],
    ['combined stack size of 2 calls is 576. Too large', 'stack-too-deep', undefined],
    ['Expected an initialized dynptr as arg #0', 'dynptr', undefined],
    ['arg 1 is an unacquired reference', 'dynptr', undefined],
    ['calling kernel function bpf_dynptr_from_xdp is not allowed', 'kfunc-not-allowed', undefined],
    ['calling kernel function bpf_task_acquire is not allowed', 'kfunc-not-allowed', undefined],
    ['direct access to bpf_list_node is disallowed', 'owned-object', undefined],
    ['exception cb only supports single integer argument', 'exception', undefined],
    ['arg#0 arg#1 memory, len pair leads to invalid memory access', 'kfunc-argument', undefined],
    ['R2 must be referenced or trusted', 'kfunc-argument', 2],
    ['expected uninitialized irq flag as arg#0', 'irq-section', undefined],
    ['expected an RCU CS when using bpf_iter_task_next', 'rcu-section', undefined],
    ['expected an initialized iter_num as arg #0', 'iterator', undefined],
    ['BPF_ATOMIC stores into R6 arena is not allowed', 'arena', 6],
    ['attach to unsupported member get_info of struct tcp_congestion_ops', 'struct-member', undefined],
    ['something that nobody has seen', 'rejected', undefined],
  ])('%s', (message, code, register) => {
    const advice = adviseOn(message);
    expect(advice).toMatchObject({ code, register });
    for (const text of [advice.reason, advice.required, advice.suggestion]) expect(text).toMatch(/^[^$]+$/);
  });
});
