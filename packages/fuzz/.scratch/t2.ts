import { programGenerator } from '../src/generate.ts';
import { disassemble } from '@polybpf/asm';
const gen = programGenerator(7, { flavour: 'any' });
console.log(disassemble(gen(932).insns, { addresses: true }));
