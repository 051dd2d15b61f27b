import { assemble, disassemble, formatMapDirective } from '@polybpf/asm';
import { makeInsn, makeProgram } from '@polybpf/isa';
import { describe, expect, test } from 'vitest';

describe('.map', () => {
  test('declares a map that instructions refer to by name', () => {
    const program = assemble(`
.map counts type=hash key=4 value=8 entries=16 flags=1
.map .rodata kind=rodata initial=01020304
  r1 = map counts ll
  r2 = map_value .rodata[2] ll
  r3 = counts ll
  exit`);
    expect(program.maps).toEqual([
      { name: 'counts', kind: 'map', type: 1, keySize: 4, valueSize: 8, maxEntries: 16, flags: 1 },
      // prettier-ignore
      { name: '.rodata', kind: 'rodata', type: 2, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0, initial: Uint8Array.of(1, 2, 3, 4) },
    ]);
    // prettier-ignore
    expect(program.insns.slice(0, 6)).toEqual([
      makeInsn(0x18, 1, 5, 0, 0), makeInsn(0, 0, 0, 0, 0), makeInsn(0x18, 2, 6, 0, 1), makeInsn(0, 0, 0, 0, 2),
      makeInsn(0x18, 3, 5, 0, 0), makeInsn(0, 0, 0, 0, 0),
    ]);
    expect(program.relocations).toEqual([
      { insn: 0, kind: 'map', symbol: 'counts', addend: 0 },
      { insn: 2, kind: 'data', symbol: '.rodata', addend: 2 },
      { insn: 4, kind: 'map', symbol: 'counts', addend: 0 },
    ]);
    expect(disassemble(program)).toBe(
      [
        '.map counts type=hash key=4 value=8 entries=16 flags=0x1',
        '.map .rodata type=array key=4 value=4 entries=1 kind=rodata initial=01020304',
        'r1 = map counts ll',
        'r2 = map_value .rodata[0x2] ll',
        'r3 = map counts ll',
        'exit',
        '',
      ].join('\n'),
    );
  });

  test('variables and undeclared maps are named in a comment', () => {
    const program = makeProgram(
      [makeInsn(0x18, 1, 6, 0, 0), makeInsn(0, 0, 0, 0, 4), makeInsn(0x18, 1, 5, 0, 1), makeInsn(0, 0, 0, 0, 0)],
      {
        maps: [
          { name: '.data', kind: 'data', type: 2, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 },
          { name: 'm', kind: 'map', type: 1, keySize: 4, valueSize: 8, maxEntries: 1, flags: 0 },
        ],
        relocations: [
          { insn: 0, kind: 'data', symbol: 'config', addend: 4 },
          { insn: 2, kind: 'map', symbol: 'm', addend: 0 },
        ],
      },
    );
    expect(disassemble(program).split('\n').slice(2)).toEqual([
      'r1 = map_value .data[0x4] ll # config',
      'r1 = map m ll',
      '',
    ]);
    const text = disassemble(program, { directives: false });
    expect(text).toBe('r1 = map_idx_value[0x0][0x4] ll # config\nr1 = map_idx[0x1] ll # m\n');
    expect(assemble(text).insns).toEqual(program.insns);
    expect(assemble(disassemble(program, { syntax: 'ubpf' }), { syntax: 'ubpf' }).insns).toEqual(program.insns);
  });

  test('may be declared after its use', () => {
    expect(assemble('r1 = m ll\nexit\n.map m').insns[0]!.src_reg).toBe(5);
  });

  test('takes types by name or number, and the inner map', () => {
    const { maps } = assemble(
      '.map outer type=BPF_MAP_TYPE_HASH_OF_MAPS key=4 value=4 entries=2 inner.type=2 inner.value=16',
    );
    expect(maps[0]).toMatchObject({ type: 13, inner: { type: 2, keySize: 4, valueSize: 16, name: 'outer.inner' } });
    expect(formatMapDirective(maps[0]!)).toBe(
      '.map outer type=hash_of_maps key=4 value=4 entries=2 inner.type=array inner.key=4 inner.value=16 inner.entries=1',
    );
    expect(assemble('.map r type=ringbuf entries=4096').maps[0]!.type).toBe(27);
    expect(assemble('.map r type=lpm_trie').maps[0]!.type).toBe(11);
    expect(assemble('.map r type=arena').maps[0]!.type).toBe(33);
  });

  test.each([
    ['.map', 'expected a name'],
    ['.map m\n.map m', 'map m is declared twice'],
    ['.map m size=4', 'unknown key of .map, expected type key value'],
    ['.map m entrie=4', 'expected entries'],
    ['.map m type=hsh', 'expected hash'],
    ['.map m key', 'expected "="'],
    ['.map m key=-1', 'expected 0 to 4294967295'],
    ['.map m kind=text', 'expected map rodata data bss kconfig'],
    ['.map m initial=0', 'pairs of hexadecimal digits'],
    ['.map m initial=zz', 'pairs of hexadecimal digits'],
    ['.map m value=4 initial=00', 'expected 4 bytes, got 1'],
    ['r1 = map m ll', 'undefined name m, expected a map declared with .map'],
    ['.map mm\nr1 = map m ll', 'did you mean mm?'],
  ])('refuses %j', (text, message) => {
    expect(() => assemble(text)).toThrow(message);
  });
});

describe('functions and symbols', () => {
  test('.function, .type and .globl name functions, called or not', () => {
    const program = assemble(`
.globl entry
.type dead,@function
entry:
  call leaf
  exit
.function leaf
  r0 = 1
  exit
dead:
  exit`);
    expect(program.subprograms).toEqual([
      { name: 'entry', start: 0, end: 2 },
      { name: 'leaf', start: 2, end: 4 },
      { name: 'dead', start: 4, end: 5 },
    ]);
    expect(program.name).toBe('entry');
    expect(assemble('exit', { name: 'given' })).toMatchObject({ name: 'given', subprograms: [{ name: 'given' }] });
    expect(assemble('loop: goto loop').name).toBe('main');
    expect(assemble('prog: exit').name).toBe('prog');
  });

  test('func NAME and NAME ll are the address of a function', () => {
    const program = assemble('r1 = func cb ll\nr2 = cb ll\nexit\ncb: exit');
    expect(program.insns[0]).toEqual(makeInsn(0x18, 1, 4, 0, 4));
    expect(program.insns[2]).toEqual(makeInsn(0x18, 2, 4, 0, 2));
    expect(program.subprograms.map(({ name }) => name)).toEqual(['main', 'cb']);
  });

  test('undefined symbols are an error unless they are declared', () => {
    expect(() => assemble('call missing')).toThrow('undefined name missing, expected a label');
    expect(() => assemble('r1 = missing ll')).toThrow('expected a map, label or .extern name');
    expect(() => assemble('.extern missing\ngoto missing')).toThrow('undefined name missing');
    const program = assemble(`
.extern bpf_kfunc_acquire, ksym, lost
.weak maybe
  call bpf_kfunc_acquire
  r1 = ksym ll
  r2 = maybe ll
  call local lost
  call kfunc other
  r3 = extern third ll
  exit`);
    expect(program.relocations).toEqual([
      { insn: 0, kind: 'kfunc', symbol: 'bpf_kfunc_acquire', addend: 0 },
      { insn: 1, kind: 'extern', symbol: 'ksym', addend: 0 },
      { insn: 3, kind: 'extern', symbol: 'maybe', addend: 0, weak: true },
      { insn: 5, kind: 'subprogram', symbol: 'lost', addend: 0 },
      { insn: 6, kind: 'kfunc', symbol: 'other', addend: 0 },
      { insn: 7, kind: 'extern', symbol: 'third', addend: 0 },
    ]);
    expect(program.insns[0]).toEqual(makeInsn(0x85, 0, 2, 0, -1));
    expect(program.insns[1]).toEqual(makeInsn(0x18, 1, 0, 0, -1));
    expect(program.insns[5]).toEqual(makeInsn(0x85, 0, 1, 0, -1));
    expect(program.subprograms).toHaveLength(1);
    const text = disassemble(program);
    expect(text).toContain('call kfunc bpf_kfunc_acquire\n');
    expect(text).toContain('r1 = extern ksym ll\n');
    expect(text).toContain('call local lost\n');
    for (const syntax of ['kernel', 'ubpf'] as const) {
      const back = assemble(disassemble(program, { syntax, targets: 'labels' }), { syntax });
      expect(back.insns).toEqual(program.insns);
      expect(back.relocations).toEqual(program.relocations);
      expect(back.subprograms).toEqual(program.subprograms);
    }
    const { relocations } = assemble('.weak v\nr1 = extern v[-8] ll\nr1 = func f ll\n.extern f');
    expect(relocations).toEqual([
      { insn: 0, kind: 'extern', symbol: 'v', addend: -8, weak: true },
      { insn: 2, kind: 'subprogram', symbol: 'f', addend: 0 },
    ]);
    const again = assemble(
      disassemble(
        makeProgram([makeInsn(0x18, 1, 0, 0, -1), makeInsn(0, 0, 0, 0, 0)], { relocations: [relocations[0]!] }),
      ),
    );
    expect(again.relocations).toEqual([relocations[0]]);
  });
});

describe('raw slots', () => {
  test('.byte takes bytes in memory order, .quad words in the byte order of the program', () => {
    const slot = makeInsn(0xb7, 1, 2, 0x0304, 0x05060708);
    expect(assemble('.byte 0xb7, 0x21, 4, 3\n.byte 8, 7, 6, 5').insns).toEqual([slot]);
    expect(assemble('.byte 0xb7, 0x12, 3, 4, 5, 6, 7, 8', { endian: 'big' }).insns).toEqual([slot]);
    expect(assemble('.quad 0x05060708030421b7').insns).toEqual([slot]);
    expect(assemble('.8byte 0xb712030405060708', { endian: 'big' }).insns).toEqual([slot]);
    expect(assemble('.byte -1,-1,-1,-1,-1,-1,-1,-1').insns).toEqual([makeInsn(255, 15, 15, -1, -1)]);
  });

  test.each([
    ['.byte 1, 2\nexit', 'bytes do not fill an instruction slot, expected a multiple of 8 bytes, got 2 bytes more'],
    ['.byte 1', 'multiple of 8 bytes'],
    ['.byte 256', 'expected -128 to 255'],
    ['.insn 256, 0, 0, 0, 0', 'opcode out of range'],
    ['.insn 0, 16, 0, 0, 0', 'dst_reg out of range'],
    ['.insn 0, 0, 0, 40000, 0', 'offset out of range'],
    ['.insn 0, 0, 0, 0, 0x100000000', 'imm out of range'],
    ['.insn 0, 0, 0, 0', 'expected ","'],
    ['.isnn 0', 'expected .insn?'],
  ])('refuses %j', (text, message) => {
    expect(() => assemble(text)).toThrow(message);
  });
});

describe('sections', () => {
  test('the first code section names the program, debug sections are skipped', () => {
    const program = assemble(`
	.file	"prog.c"
	.section	xdp/main,"ax",@progbits
	.globl	prog                            # -- Begin function prog
	.p2align	3
	.type	prog,@function
prog:                                   # @prog
# %bb.0:
	r0 = 2
	exit
.Lfunc_end0:
	.size	prog, .Lfunc_end0-prog
	.section	.BTF,"",@progbits
	.long	12
Lstrange: .asciz "text; with : marks"
	.text
	.license "GPL"
`);
    expect(program).toMatchObject({ name: 'prog', section: 'xdp/main', license: 'GPL' });
    expect(program.insns).toHaveLength(2);
    expect(disassemble(program)).toMatch(
      /^\.section xdp\/main,"ax",@progbits\n\.license "GPL"\n\.type prog,@function\nprog:\n/,
    );
  });

  test('data sections are refused, not dropped', () => {
    for (const text of ['.data', '.bss', '.section .maps,"aw",@progbits', '\n .section ".rodata","a"']) {
      expect(() => assemble(text)).toThrow('expected maps and data declared with .map');
    }
  });
});

describe('listings with relocations', () => {
  test('llvm-objdump -dr: calls count from the symbol, unknown symbols stay symbolic', () => {
    const program = assemble(`
k.o:	file format elf64-bpf

Disassembly of section .text:

0000000000000000 <glob>:
       0:	bf 10 00 00 00 00 00 00	r0 = r1
       1:	95 00 00 00 00 00 00 00	exit

0000000000000010 <add>:
       2:	95 00 00 00 00 00 00 00	exit

Disassembly of section xdp:

0000000000000000 <prog>:
       0:	18 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00	r1 = 0x0 ll
		0000000000000000:  R_BPF_64_64	counts
       2:	85 10 00 00 01 00 00 00	call 0x1
		0000000000000010:  R_BPF_64_32	.text
       3:	85 10 00 00 ff ff ff ff	call -0x1
		0000000000000018:  R_BPF_64_32	glob
       4:	85 10 00 00 ff ff ff ff	call -0x1
		0000000000000020:  R_BPF_64_32	kf
       5:	18 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00	r2 = 0x0 ll
		0000000000000028:  R_BPF_64_64	unknown
       7:	95 00 00 00 00 00 00 00	exit
.map counts type=array
`);
    // prettier-ignore
    expect(program.subprograms.map(({ name, start }) => [name, start])).toEqual([['glob', 0], ['add', 2], ['prog', 3]]);
    expect(program.insns[3]).toEqual(makeInsn(0x18, 1, 5, 0, 0));
    expect(program.insns[5]).toEqual(makeInsn(0x85, 0, 1, 0, -4));
    expect(program.insns[6]).toEqual(makeInsn(0x85, 0, 1, 0, -7));
    expect(program.relocations).toEqual([
      { insn: 3, kind: 'map', symbol: 'counts', addend: 0 },
      { insn: 7, kind: 'kfunc', symbol: 'kf', addend: 0 },
      { insn: 8, kind: 'extern', symbol: 'unknown', addend: 0 },
    ]);
  });

  test.each([
    ['0: b7 00 00 00 01 00 00 00 r0 = 0x2', 'hex column and text disagree'],
    ['0: b7 01 00 00 01 00 00 00 r0 = 0x1', 'hex column and text disagree'],
    ['0: b7 00 00 00 01 00 00 00 w0 = 0x1', 'hex column and text disagree'],
    ['0: b7 00 00 00 01 00 00 00 r0 = 0x1; exit', 'hex column and text disagree'],
    ['		0000000000000000:  R_BPF_64_64	counts', 'expected a call or a wide load before it'],
    ['exit\n		0000000000000000:  R_BPF_64_64	counts', 'expected a call or a wide load before it'],
  ])('refuses %j', (text, message) => {
    expect(() => assemble(text)).toThrow(message);
  });

  test('bytes alone, and bytes that LLVM does not know', () => {
    expect(assemble('b7 00 00 00 01 00 00 00\n 1: ff 00 00 00 00 00 00 00 <unknown>').insns).toEqual([
      makeInsn(0xb7, 0, 0, 0, 1),
      makeInsn(0xff, 0, 0, 0, 0),
    ]);
    expect(assemble('0: c3 21 08 00 00 01 00 00 lock *(u32 *)(r1 + 0x8) += r2').insns[0]!.imm).toBe(256);
  });
});
