/** Iterators that functions of the program make, advance and destroy for their caller. `iterator-calls.ts COUNT SEED` */
import { call, callLocal, EXIT, goto, insn, jump, move, mutate, type Piece, pick, run, set, stackAt, type Trial } from './kernel-calls.ts'; // prettier-ignore
import type { Random } from './random-programs.ts';

const PLACES = [-64, -72];

/** A loop body that computes, spills, and leaves early. */
function body(r: Random): Piece[] {
  const pieces: Piece[] = [];
  for (let n = Math.floor(r() * 4); n > 0; n--) {
    const reg = pick(r, [6, 7]);
    switch (Math.floor(r() * 6)) {
      case 0: pieces.push(insn(0x07, reg, 0, 0, 1)); break;
      case 1: pieces.push(insn(0x7b, 10, reg, pick(r, PLACES), 0)); break;
      case 2: pieces.push(insn(0x79, reg, 10, pick(r, PLACES), 0)); break;
      case 3: pieces.push(insn(0x85, 0, 0, 0, 7), move(reg, 0)); break;
      case 4: pieces.push(insn(0x57, reg, 0, 0, 7)); break;
      default: pieces.push(jump(pick(r, [0x25, 0x15]), reg, pick(r, [1, 5]), 'done'));
    } // prettier-ignore
  }
  return pieces;
}

function functions(r: Random, kind: string, begin: readonly Piece[]): Readonly<Record<string, readonly Piece[]>> {
  const end = insn(0x95, 0, 0, 0, 0);
  return {
    make: [...begin, set(0, 0), end],
    next: [
      ...(r() < 0.3 ? [insn(0x7b, 10, 1, -8, 0)] : []),
      call(`bpf_iter_${kind}_next`),
      ...(r() < 0.8 ? [jump(0x15, 0, 0, 'none'), set(0, 1), 'none'] : []),
      end,
    ],
    destroy: [call(`bpf_iter_${kind}_destroy`), set(0, 0), end],
    all: [
      move(6, 1),
      set(7, 0),
      'again',
      move(1, 6),
      call(`bpf_iter_${kind}_next`),
      jump(0x15, 0, 0, 'end'),
      insn(0x07, 7, 0, 0, pick(r, [0, 1])),
      goto('again'),
      'end',
      move(0, 7),
      end,
    ],
  };
}

function program(r: Random): Trial {
  const kind = pick(r, ['num', 'num', 'bits', 'task']);
  const off = { num: -8, bits: -16, task: -24 }[kind]! - 8 * Math.floor(r() * 3);
  const at = (): Piece[] => stackAt(1, off);
  const begin = [set(2, 0), set(3, pick(r, [0, 3, 10])), call(`bpf_iter_${kind}_new`)];
  const section = (end: string): Piece[][] => (kind === 'task' ? [[call(`bpf_rcu_read_${end}`)]] : []);
  const groups: Piece[][] = [[set(6, 0), set(7, 0)], ...section('lock')];
  groups.push([...at(), ...(r() < 0.4 ? [callLocal('make')] : begin)]);
  if (r() < 0.2) groups.push([...at(), callLocal('all')]);
  else {
    const next = r() < 0.6 ? callLocal('next') : call(`bpf_iter_${kind}_next`);
    groups.push(['loop'], [...at(), next], [jump(0x15, 0, 0, 'done')], body(r), [goto('loop')], ['done']);
  }
  groups.push([...at(), r() < 0.4 ? callLocal('destroy') : call(`bpf_iter_${kind}_destroy`)]);
  groups.push(...section('unlock'), [...EXIT]);
  const main = mutate(r, groups, 0.12);
  const called = (label: string): boolean => main.some((p) => typeof p !== 'string' && 'insn' in p && p.to === label);
  const others = Object.entries(functions(r, kind, begin)).filter(([label]) => called(label));
  const pieces = [...main, ...others.flatMap(([label, code]) => [label, ...code])];
  return { type: 'syscall', flags: 16 | (r() < 0.2 ? 8 : 0), pieces };
}

run({ title: 'iterators in functions' }, program);
