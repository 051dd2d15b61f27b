/** What a large program goes through. */
import { assemble, disassemble } from '@polybpf/asm';
import { createArena, createInterpreter, createMemory } from '@polybpf/interpreter';
import { decodeProgram, encodeProgram, type Program } from '@polybpf/isa';
import { compile } from '@polybpf/jit';
import { wasmEngine, wasmInterpreterEngine } from '@polybpf/jit-wasm';
import { ALL_TARGETS } from '@polybpf/targets';
import { verify } from '@polybpf/verifier';
import { withEndian } from '../concatenate.ts';

/** One step; `prepare` makes what it works on, which is not timed. */
export interface Stage {
  readonly name: string;
  readonly prepare: (program: Program) => () => void;
}

const mem = (): Uint8Array => new Uint8Array(64);

/** All stages, those of CPUs last. */
export const STAGES: readonly Stage[] = [
  {
    name: 'decode',
    prepare: (program) => {
      const bytes = encodeProgram(program.insns);
      return () => decodeProgram(bytes);
    },
  },
  { name: 'encode', prepare: (program) => () => encodeProgram(program.insns) },
  { name: 'disassemble', prepare: (program) => () => disassemble(program) },
  {
    name: 'assemble',
    prepare: (program) => {
      const text = disassemble(program);
      return () => assemble(text);
    },
  },
  { name: 'interpret', prepare: (program) => () => createInterpreter(program).run({ mem: mem() }) },
  {
    name: 'wasm interpreter',
    prepare: (program) => () => {
      const memory = createMemory({ arena: createArena({ size: 64 << 20 }) });
      createInterpreter(program, { engine: wasmInterpreterEngine(), memory }).run({ mem: mem() });
    },
  },
  {
    name: 'wasm',
    prepare: (program) => () => {
      const memory = createMemory({ arena: createArena({ size: 64 << 20 }) });
      createInterpreter(program, { engine: wasmEngine(), memory }).run({ mem: mem() });
    },
  },
  { name: 'verify', prepare: (program) => () => void verify({ insns: program.insns, type: 'socket_filter' }) },
  ...ALL_TARGETS.map((target): Stage => ({
    name: target.name,
    prepare: (program) => {
      const own = withEndian(program, target.endian);
      return () => compile(own, target);
    },
  })),
];
