/** What a large program goes through. */
import { assemble, disassemble } from '@polybpf/asm';
import { EM, R_BPF, SHF, STB, STT, writeElf } from '@polybpf/elf';
import { createArena, createInterpreter, createMemory, type Engine } from '@polybpf/interpreter';
import { decodeProgram, encodeProgram, type Program } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { wasmEngine, wasmInterpreterEngine } from '@polybpf/jit-wasm';
import { loadObject } from '@polybpf/loader';
import { ALL_TARGETS } from '@polybpf/targets';
import { verify } from '@polybpf/verifier';
import { withEndian } from '../concatenate.ts';

const CALL = 0x85;

/** One step. */
export interface Stage {
  readonly name: string;
  /** Makes what the step works on, which is not timed; then the step, which may say why it did not do its work. */
  readonly prepare: (program: Program) => () => string | undefined;
}

/** An ELF file as compilers write them: the program in a section of its type, its functions in `.text`, calls relocated. */
function objectOf({ name, insns, subprograms }: Program): Uint8Array {
  const length = subprograms[0]!.end;
  const flags = SHF.SHF_ALLOC | SHF.SHF_EXECINSTR;
  const main = insns.slice(0, length);
  const callees = new Map(subprograms.map(({ start }, i) => [start, i]));
  const relocations = main.flatMap((insn, i) => {
    if (insn.opcode !== CALL || insn.src_reg !== 1) return [];
    main[i] = { ...insn, imm: -1 };
    return [{ offset: 8 * i, type: R_BPF.R_BPF_64_32, symbol: callees.get(i + 1 + insn.imm)! }];
  });
  return writeElf({
    class: 64,
    endian: 'little',
    machine: EM.EM_BPF,
    relocationFormat: 'rel',
    sections: [
      { name: 'socket', flags, addralign: 8, data: encodeProgram(main), relocations },
      { name: '.text', flags, addralign: 8, data: encodeProgram(insns.slice(length)) },
    ],
    symbols: subprograms.map(({ start, end }, i) => ({
      name: i === 0 ? name : `function${i}`,
      section: i === 0 ? 0 : 1,
      value: i === 0 ? 0 : 8 * (start - length),
      size: 8 * (end - start),
      type: STT.STT_FUNC,
      bind: i === 0 ? STB.STB_GLOBAL : STB.STB_LOCAL,
    })),
  });
}

const done = (work: () => unknown) => (): undefined => void work();

function runIn(program: Program, engine: Engine): void {
  const memory = createMemory({ arena: createArena({ size: 64 << 20 }) });
  createInterpreter(program, { engine, memory }).run({ mem: mem() });
}

const mem = (): Uint8Array => new Uint8Array(64);

/** All stages, those of CPUs last. */
export const STAGES: readonly Stage[] = [
  {
    name: 'decode',
    prepare: (program) => {
      const bytes = encodeProgram(program.insns);
      return done(() => decodeProgram(bytes));
    },
  },
  {
    name: 'load an object',
    prepare: (program) => {
      const bytes = objectOf(program);
      return done(() => loadObject(bytes));
    },
  },
  { name: 'encode', prepare: (program) => done(() => encodeProgram(program.insns)) },
  { name: 'disassemble', prepare: (program) => done(() => disassemble(program)) },
  {
    name: 'assemble',
    prepare: (program) => {
      const text = disassemble(program);
      return done(() => assemble(text));
    },
  },
  { name: 'interpret', prepare: (program) => done(() => createInterpreter(program).run({ mem: mem() })) },
  {
    name: 'wasm interpreter',
    prepare: (program) => done(() => runIn(program, wasmInterpreterEngine())),
  },
  {
    name: 'wasm',
    prepare: (program) => done(() => runIn(program, wasmEngine())),
  },
  {
    name: 'verify',
    prepare: (program) => () => {
      const { verdict, message } = verify({ insns: program.insns, type: 'socket_filter' });
      return verdict === 'accept' ? undefined : `${verdict}: ${message}`;
    },
  },
  ...ALL_TARGETS.map((target): Stage => ({
    name: target.name,
    prepare: (program) => {
      const own = withEndian(program, target.endian);
      return done(() => compile(own, target));
    },
  })),
];
