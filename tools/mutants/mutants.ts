/**
 * Every mutant: one seeded bug each, with the vector or test that finds it. Plain data; `run.ts` proves it, and
 * `docs/TESTING.md` has it as a table.
 */
import { ARM_MUTANTS } from './src/arm.ts';
import { ARM64_MUTANTS } from './src/arm64.ts';
import { ASM_MUTANTS } from './src/asm.ts';
import { BTF_MUTANTS } from './src/btf.ts';
import { CONFORMANCE_MUTANTS } from './src/conformance.ts';
import { INTERPRETER_MUTANTS } from './src/interpreter.ts';
import { ISA_MUTANTS } from './src/isa.ts';
import { JIT_MUTANTS } from './src/jit.ts';
import { LOADER_MUTANTS } from './src/loader.ts';
import { LOWERING_MUTANTS } from './src/lowering.ts';
import type { Mutant } from './src/mutant.ts';
import { LOONGARCH64_MUTANTS } from './src/loongarch64.ts';
import { MIPS64_MUTANTS } from './src/mips64.ts';
import { PPC64_MUTANTS } from './src/ppc64.ts';
import { RISCV64_MUTANTS } from './src/riscv64.ts';
import { SPARC64_MUTANTS } from './src/sparc64.ts';
import { S390X_MUTANTS } from './src/s390x.ts';
import { SANDBOX_MUTANTS } from './src/sandbox.ts';
import { WASM_MUTANTS } from './src/wasm.ts';
import { VARIANT_MUTANTS } from './src/variants.ts';
import { X86_64_MUTANTS } from './src/x86-64.ts';

export const MUTANTS: readonly Mutant[] = [
  ...INTERPRETER_MUTANTS,
  ...ISA_MUTANTS,
  ...ASM_MUTANTS,
  ...JIT_MUTANTS,
  ...LOWERING_MUTANTS,
  ...X86_64_MUTANTS,
  ...ARM64_MUTANTS,
  ...S390X_MUTANTS,
  ...RISCV64_MUTANTS,
  ...PPC64_MUTANTS,
  ...MIPS64_MUTANTS,
  ...SPARC64_MUTANTS,
  ...LOONGARCH64_MUTANTS,
  ...ARM_MUTANTS,
  ...VARIANT_MUTANTS,
  ...SANDBOX_MUTANTS,
  ...WASM_MUTANTS,
  ...LOADER_MUTANTS,
  ...BTF_MUTANTS,
  ...CONFORMANCE_MUTANTS,
];
