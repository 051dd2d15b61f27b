import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL_TARGETS } from '@polybpf/targets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTPUT_SCHEMAS, schemaFiles } from '../src/schemas.ts';
import { buildCli, type Cli, repositoryFile } from './run-cli.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await buildCli();
});
afterAll(() => cli.close());

const HASH = repositoryFile('examples/objects/little/hash.o');
const COUNTER = repositoryFile('examples/objects/little/counter.o');
/** r0 = 42; exit */
const FORTY_TWO = 'b70000002a0000009500000000000000';

/** Parses the output of a command run with --json and checks it against the command's published schema. */
function json(command: string, args: readonly string[], input?: string): Record<string, unknown> {
  const { status, stdout, stderr } = cli.run([command, ...args, '--json'], input);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const value = JSON.parse(stdout) as Record<string, unknown>;
  const parsed = OUTPUT_SCHEMAS[command]!.safeParse(value);
  expect(parsed.error?.issues ?? []).toEqual([]);
  return value;
}

function file(name: string, contents: string | Uint8Array): string {
  const path = join(cli.folder, name);
  writeFileSync(path, contents);
  return path;
}

describe('input', () => {
  it('finds out what a file is by its content', () => {
    const forms: [string, string | Uint8Array][] = [
      ['hex', FORTY_TWO],
      ['hex with spaces and prefixes', '0xb7 00 00 00 2a 00 00 00\n95 00 00 00 00 00 00 00\n'],
      ['raw', Buffer.from(FORTY_TWO, 'hex')],
      ['kernel', 'r0 = 42 // the answer\nexit\n'],
      ['ubpf', 'mov %r0, 42\nexit\n'],
    ];
    for (const [name, contents] of forms) {
      const path = file('input', contents);
      expect([name, cli.run(['run', path])]).toEqual([name, { status: 0, stdout: '0x000000000000002a\n', stderr: '' }]);
    }
    expect(cli.run(['run', '-'], FORTY_TWO).stdout).toBe('0x000000000000002a\n');
  });

  it('takes --input for what content cannot tell', () => {
    const ambiguous = file('ambiguous', '9500000000000000');
    expect(cli.run(['run', ambiguous, '--input', 'raw']).status).toBe(2);
    expect(cli.run(['run', ambiguous, '--input', 'hex']).status).toBe(0);
  });

  it('reads big-endian bytes when told', () => {
    expect(cli.run(['run', '-', '--endian', 'big'], 'b70000000000002a9500000000000000').stdout).toBe(
      '0x000000000000002a\n',
    );
  });
});

describe('asm and disasm', () => {
  it('round-trips in both dialects and byte orders', () => {
    const source = file('source.s', 'r0 = 1\nif r1 s> -5 goto +1\nw0 += w1\nexit\n');
    for (const endian of ['little', 'big']) {
      const raw = join(cli.folder, 'out.bin');
      expect(cli.run(['asm', source, '--endian', endian, '--format', 'raw', '-o', raw]).status).toBe(0);
      for (const syntax of ['kernel', 'ubpf']) {
        const { stdout } = cli.run(['disasm', raw, '--endian', endian, '--syntax', syntax]);
        const again = file('again.s', stdout);
        const bytes = json('asm', [again, '--endian', endian, '--syntax', syntax])['bytes'];
        expect(bytes).toBe(readFileSync(raw).toString('hex'));
      }
    }
  });

  it('writes objects that load again', () => {
    const source = file('map.s', '.map counts type=hash key=4 value=8 entries=16\nr1 = map counts ll\nr0 = 0\nexit\n');
    const object = join(cli.folder, 'map.o');
    expect(cli.run(['asm', source, '-o', object])).toMatchObject({ status: 0, stderr: '' });
    const inspected = json('inspect', [object]);
    expect(inspected['maps']).toMatchObject([{ name: 'counts', keySize: 4, valueSize: 8, maxEntries: 16 }]);
    expect(inspected['programs']).toMatchObject([{ maps: ['counts'] }]);
  });

  it('points at the fault with line, column and a caret', () => {
    const path = file('bad.s', 'r0 = 1\nr0 = r11\nexit\n');
    const { status, stderr } = cli.run(['asm', path]);
    expect(status).toBe(2);
    expect(stderr).toContain('line 2, column 6');
    expect(stderr).toContain('    r0 = r11\n         ^');
  });

  it('answers wrong usage in JSON too', () => {
    for (const args of [['run'], ['run', 'x', '--bogus'], ['compile', 'x'], ['nonsense']]) {
      const { status, stdout, stderr } = cli.run([...args, '--json']);
      expect([status, JSON.parse(stdout)]).toMatchObject([2, { error: { code: 'E_USAGE' } }]);
      expect(stderr).not.toBe('');
    }
  });

  it('shows source lines of an object', () => {
    expect(cli.run(['disasm', HASH, '-S']).stdout).toContain('hash ^= hash >> 33;');
  });

  it('shows what is no program slot by slot and still says what is wrong', () => {
    const { status, stdout, stderr } = cli.run(['disasm', '-'], 'ff00000000000000');
    expect(status).toBe(2);
    expect(stdout).toContain('.insn 0xff');
    expect(stderr).toContain('E_DECODE_OPCODE');
  });
});

describe('run', () => {
  it('prints r0 as 0x and 16 digits, and writes the memory afterwards', () => {
    const out = join(cli.folder, 'mem.out');
    const program = file('store.s', '*(u32 *)(r1 + 4) = 7\nr0 = r2\nexit\n');
    expect(cli.run(['run', program, '--mem', '00112233445566778899', '--mem-out', out]).stdout).toBe(
      '0x000000000000000a\n',
    );
    expect(readFileSync(out).toString('hex')).toBe('00112233070000008899');
    expect(json('run', [program, '--mem', `@${out}`])).toMatchObject({
      r0: '0x000000000000000a',
      mem: '00112233070000008899',
    });
  });

  it('runs a program of an object', () => {
    expect(cli.run(['run', COUNTER, '--mem', '3031616220']).stdout).toBe('0x0000000000000e4c\n');
    expect(cli.run(['run', COUNTER, '--prog', 'nothing'])).toMatchObject({ status: 2, stdout: '' });
  });

  it('ends with 1 when the program faults, and says where and what', () => {
    const { status, stdout, stderr } = cli.run(['run', '-'], 'r1 = 0\nr0 = *(u64 *)(r1 + 8)\nexit\n');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/E_RUN_MEMORY: insn 1: read of 8 bytes at 0x0*8/);
  });

  it('stops at the budget', () => {
    const { status, stderr } = cli.run(['run', '-', '--budget', '1000'], 'r0 = 0\ngoto -2\nexit\n');
    expect(status).toBe(1);
    expect(stderr).toContain('E_RUN_BUDGET');
  });
});

describe('compile', () => {
  it('gives a listing unless told otherwise', () => {
    const { status, stdout } = cli.run(['compile', HASH, '--target', 'x86_64']);
    expect(status).toBe(0);
    expect(stdout).toContain('movabs');
    expect(stdout).toContain('r0 = r1');
  });

  it('writes one file for each target, and a header', () => {
    const folder = join(cli.folder, 'out');
    mkdirSync(folder);
    const header = join(cli.folder, 'hash.h');
    const { status, stdout } = cli.run([
      'compile',
      HASH,
      '--target',
      'all',
      '--format',
      'object',
      '-o',
      `${folder}/`,
      '--header',
      header,
    ]);
    expect(status).toBe(0);
    const little = ALL_TARGETS.filter(({ endian }) => endian === 'little').map(({ name }) => `hash.${name}.o`);
    expect(readdirSync(folder).sort()).toEqual(little.sort());
    expect(stdout).toMatch(/s390x .*refused.*little-endian/);
    expect(readFileSync(header, 'utf8')).toMatch(
      /SIZEOF_POINTER__ == 4[^]* hash\(uint64_t r1, [^]*#else[^]* hash\(void \*r1, uint64_t r2/,
    );
  });

  it('refuses a byte order that the named target does not have', () => {
    expect(cli.run(['compile', HASH, '--target', 's390x'])).toMatchObject({ status: 1, stdout: '' });
  });

  it('calls what has no name like its file, since C has a main already', () => {
    const compiled = cli.run(['compile', file('the-answer.s', FORTY_TWO), '--target', 'x86_64', '-o', join(cli.folder, 'named.o'), '--header', join(cli.folder, 'named.h')]); // prettier-ignore
    expect(compiled.status).toBe(0);
    expect(readFileSync(join(cli.folder, 'named.h'), 'utf8')).toContain('uint64_t the_answer(void *r1');
    const [output] = json('compile', ['-', '--target', 'arm64'], FORTY_TWO)['outputs'] as { programs: { name: string }[] }[]; // prettier-ignore
    expect(output!.programs[0]!.name).toBe('program');
  });

  it('compiles text for either byte order', () => {
    const outputs = json('compile', ['-', '--target', 'all'], 'r0 = 42\nexit\n')['outputs'] as {
      target: string;
      status: string;
    }[];
    expect(outputs.map(({ target, status }) => `${target} ${status}`)).toEqual(
      ALL_TARGETS.map(({ name }) => `${name} done`),
    );
  });

  it('lists what a raw image needs from outside beside it', () => {
    const image = join(cli.folder, 'call.bin');
    expect(cli.run(['compile', '-', '--target', 'arm64', '-o', image], 'call 5\nexit\n').status).toBe(0);
    expect(JSON.parse(readFileSync(`${image}.json`, 'utf8'))).toMatchObject([{ symbol: 'bpf_helper_5' }]);
  });

  it('says which CPUs there are', () => {
    const { status, stderr } = cli.run(['compile', '-', '--target', 'z80'], FORTY_TWO);
    expect(status).toBe(2);
    expect(stderr).toContain(`expected ${ALL_TARGETS.map(({ name }) => name).join(', ')}, got z80`);
  });
});

describe('conformance, plugin, targets', () => {
  it('reports JSON lines on the interpreter', () => {
    const suite = file(
      'suite.jsonl',
      [
        { name: 'right', bytes: FORTY_TWO, expect: { r0: '0x2a' } },
        { name: 'wrong', bytes: FORTY_TWO, expect: { r0: 43 } },
        { name: 'low half', bytes: FORTY_TWO, expect: { r0low32: '42' } },
        { name: 'refused', bytes: 'ff00000000000000', expect: { error: 'any wording' } },
        { name: 'memory', bytes: '7201000009000000b7000000000000009500000000000000', mem: 'ffff', expect: { r0: '0x0', mem: '09ff' } },
      ].map((line) => JSON.stringify(line)).join('\n'),
    ); // prettier-ignore
    const { status, stdout } = cli.run([
      'conformance',
      '--suite',
      suite,
      '--engine',
      'interpreter',
      '--format',
      'json',
    ]);
    expect(status).toBe(1);
    const report = JSON.parse(stdout) as {
      summary: object;
      results: { name: string; status: string; expected?: string; got?: string }[];
    };
    expect(OUTPUT_SCHEMAS['conformance']!.safeParse(report).error).toBeUndefined();
    expect(report.summary).toMatchObject({ passed: 4, failed: 1, skipped: 0 });
    expect(report.results.find(({ status: own }) => own === 'failed')).toMatchObject({
      name: 'wrong',
      expected: '0x000000000000002b',
      got: '0x000000000000002a',
    });
  });

  it('writes TAP and JUnit', () => {
    const suite = repositoryFile('test-vectors/call-local.json');
    const tap = cli.run([
      'conformance',
      '--suite',
      suite,
      '--engine',
      'interpreter',
      '--format',
      'tap',
      '--filter',
      'depth-[237]$',
    ]);
    expect(tap.stdout).toMatch(/^TAP version 14\n1\.\.3\nok 1 - interpreter call-local\/depth-2\n/);
    const junit = cli.run([
      'conformance',
      '--suite',
      suite,
      '--engine',
      'interpreter',
      '--format',
      'junit',
      '--filter',
      'depth',
    ]);
    expect(junit.stdout).toContain('<testsuite name="interpreter" tests="4" failures="0" skipped="0">');
  });

  it('names the place of a malformed vector', () => {
    const suite = file('bad.jsonl', '{"name":"a","bytes":"95"}\n');
    expect(cli.run(['conformance', '--suite', suite])).toMatchObject({ status: 2, stdout: '' });
    expect(cli.run(['conformance', '--suite', suite]).stderr).toMatch(/bad\.jsonl: line 1: expect/);
  });

  it('speaks the plugin protocol', () => {
    expect(cli.run(['plugin', '01 02 03'], `bf20000000000000 9500000000000000\n`)).toEqual({
      status: 0,
      stdout: '3\n',
      stderr: '',
    });
    expect(cli.run(['plugin'], '8d')).toMatchObject({ status: 2, stdout: '' });
    // r0 = ++*(u8 *)r1: every run has a fresh copy of the memory
    const increment = '7112000000000000 0702000001000000 7321000000000000 bf20000000000000 9500000000000000';
    for (const engine of ['interpreter', 'wasm', 'wasm-interpreter', 'auto']) {
      expect(cli.run(['plugin', '--engine', engine, '--repeat', '3', '05'], increment)).toMatchObject({
        stdout: '6\n',
      });
    }
    expect(cli.run(['plugin', '--repeat', '0'], increment)).toMatchObject({ status: 2, stdout: '' });
    expect(json('plugin', ['00'], FORTY_TWO)).toEqual({ r0: '0x000000000000002a' });
  });

  it('lists targets', () => {
    const targets = json('targets', [])['targets'] as { name: string; rows: number }[];
    expect(targets.map(({ name }) => name)).toEqual(ALL_TARGETS.map(({ name }) => name));
    for (const { rows } of targets) expect(rows).toBe(172);
  });
});

describe('targets --features', () => {
  it('shows what tests gave and what others cover', () => {
    const document = JSON.parse(cli.run(['targets', '--features', '--json']).stdout);
    expect(OUTPUT_SCHEMAS['targets-features']!.safeParse(document).error?.issues ?? []).toEqual([]);
    const titles = document.tests.features.map(({ title }: { title: string }) => title);
    expect(titles).toContain('local calls');
    const text = cli.run(['targets', '--features']).stdout;
    expect(text).toMatch(/^local calls +\d+ +\d+ /m);
    expect(text).toMatch(/^sdiv, smod +(yes +){7}WRONG +WRONG/m);
  });
});

describe('compile --map', () => {
  it('says where BPF registers live', () => {
    const { status, stdout } = cli.run(['compile', COUNTER, '--target', 'x86_64,riscv64', '--map']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^counter for x86_64\nFUNCTION .*\ncounter +rax +rdi +rsi/m);
    expect(stdout).toMatch(/^counter for riscv64\nFUNCTION .*\ncounter +a\d +a0 +/m);
    const arm = cli.run(['compile', COUNTER, '--target', 'arm', '--map']).stdout;
    expect(arm).toMatch(/^counter +(r\d+:)?r\d+ +/m);
    expect(arm).not.toContain('#');
    const [output] = json('compile', [COUNTER, '--target', 'x86_64'])['outputs'] as { programs: { functions: { registers: Record<string, string> }[] }[] }[]; // prettier-ignore
    expect(output!.programs[0]!.functions[0]!.registers['r1']).toBe('rdi');
    expect(cli.run(['compile', COUNTER, '--target', 'x86_64', '--cpu', 'z80']).status).toBe(2);
  });
});

describe('the command', () => {
  it('has help for everything, and exit status 2 for wrong usage', () => {
    expect(cli.run(['--help']).status).toBe(0);
    for (const command of ['asm', 'disasm', 'inspect', 'run', 'compile', 'conformance', 'plugin', 'targets']) {
      const { status, stdout } = cli.run([command, '--help']);
      expect([command, status, stdout.includes('--json')]).toEqual([command, 0, true]);
    }
    expect(cli.run(['frobnicate']).status).toBe(2);
    expect(cli.run(['run']).status).toBe(2);
    expect(cli.run(['run', '-', '--engine', 'magic'], FORTY_TWO).status).toBe(2);
    expect(cli.run(['run', '-', '--budget', 'x'], FORTY_TWO).status).toBe(2);
    expect(cli.run([]).status).toBe(2);
  });

  it('prints errors as JSON too', () => {
    const { status, stdout } = cli.run(['run', join(cli.folder, 'absent'), '--json']);
    expect(status).toBe(2);
    const parsed = OUTPUT_SCHEMAS['error']!.safeParse(JSON.parse(stdout));
    expect(parsed.error).toBeUndefined();
  });

  it('has its schemas published', () => {
    const folder = repositoryFile('apps/cli/schemas');
    for (const [name, schema] of Object.entries(schemaFiles())) {
      expect(existsSync(join(folder, name))).toBe(true);
      expect(JSON.parse(readFileSync(join(folder, name), 'utf8'))).toEqual(JSON.parse(JSON.stringify(schema)));
    }
    expect(readdirSync(folder)).toHaveLength(Object.keys(schemaFiles()).length);
  });
});
