/** Steps of programs around owned objects: most keep the rules, some break them. */
import { Emitter } from './owned-emitter.ts';
import { FUNCTIONS, KPTRS, LISTS, OBJECTS, type ObjectType, TREES } from '../../packages/verifier/test/owned-types.ts';
import type { Random } from './random-programs.ts';

type ObjectName = keyof typeof OBJECTS;
const NAMES = Object.keys(OBJECTS) as ObjectName[];
const FIRST_OBJECT = 6;

/** Writes one program. Objects are in r6 to r8, a map value is in r9, slots below fp-32 keep what else there is. */
export class OwnedWriter {
  readonly e: Emitter;
  readonly kinds: ObjectName[];
  /** Whether the register has an object that is owned, is only borrowed, or has nothing. */
  readonly held: ('none' | 'own' | 'borrowed')[] = ['none', 'none', 'none'];
  private readonly r: Random;
  private readonly wrong: number;
  readonly functions = new Set<string>();
  /**
   * The program has an exception callback and then no other function: Linux 6.18 removes functions that are never called
   * and goes on with the old number of the callback, which crashes it (jit_subprogs).
   */
  private readonly alone: boolean;

  constructor(r: Random, kfuncId: (name: string) => number, alone: boolean) {
    this.r = r;
    this.alone = alone;
    this.e = new Emitter(kfuncId);
    this.wrong = r() < 0.4 ? 0 : r() < 0.5 ? 0.02 : 0.08;
    this.kinds = [0, 1, 2].map(() => this.pick(r() < 0.7 ? (['lnode', 'tnode', 'rnode'] as const) : NAMES));
  }

  pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.r() * list.length)]!;
  }

  chance(p: number): boolean {
    return this.r() < p;
  }

  /** True now and then: a rule is to be broken. */
  err(): boolean {
    return this.r() < this.wrong;
  }

  object(i: number): ObjectType {
    return OBJECTS[this.kinds[i]!];
  }

  /** An object in a state, or any when none is. */
  find(state: 'none' | 'own' | 'borrowed', fits: (type: ObjectType) => boolean = () => true): number {
    const found = [0, 1, 2].filter((i) => this.held[i] === state && fits(this.object(i)));
    if (found.length > 0 && !this.err()) return this.pick(found);
    return this.err() ? this.pick([0, 1, 2]) : -1;
  }

  create(i = this.find('none')): void {
    if (i < 0) return;
    const { e } = this;
    const type = this.object(i);
    const perCpu = type.perCpu === true;
    e.set(1, this.err() ? this.pick([0, 1, 9999, FUNCTIONS.less, OBJECTS.plain.id]) : type.id);
    if (this.err()) e.op(0x79, 1, 10, -8);
    e.set(2, 0);
    e.kfunc(perCpu !== this.err() ? 'bpf_percpu_obj_new_impl' : 'bpf_obj_new_impl');
    if (!this.err()) e.jump(0x15, 0, 0, 'end');
    e.mov(FIRST_OBJECT + i, 0);
    this.held[i] = 'own';
  }

  drop(i = this.find('own')): void {
    if (i < 0) return;
    const { e } = this;
    e.mov(1, FIRST_OBJECT + i);
    if (this.err()) e.add(1, this.pick([8, 16, -8]));
    e.set(2, 0);
    this.dropCall(this.object(i).perCpu === true);
    this.forget(i);
  }

  dropCall(perCpu: boolean): void {
    this.e.kfunc(perCpu !== this.err() ? 'bpf_percpu_obj_drop_impl' : 'bpf_obj_drop_impl');
  }

  forget(i: number): void {
    this.held[i] = 'none';
    if (!this.err()) this.e.set(FIRST_OBJECT + i, 0);
  }

  access(): void {
    const states = [0, 1, 2].filter((i) => this.held[i] !== 'none' && this.kinds[i] !== 'counters');
    if (states.length === 0 && !this.err()) return;
    const i = states.length === 0 ? this.pick([0, 1, 2]) : this.pick(states);
    this.touch(FIRST_OBJECT + i, this.object(i), 0);
  }

  /** Loads or stores a number of an object, or something that is none. */
  touch(reg: number, type: ObjectType, base: number): void {
    const { e } = this;
    const off = (this.err() ? this.pick([0, 4, 8, 16, 24, 40, 64, type.size, -8]) : type.data) - base;
    switch (Math.floor(this.r() * 5)) {
      case 0:
        return e.op(0x7a, reg, 0, off, 7);
      case 1:
        return e.op(this.pick([0x61, 0x69, 0x71]), 0, reg, off);
      case 2:
        return e.op(0x7b, reg, this.err() ? 10 : 10, off);
      case 3:
        if (this.chance(0.3)) e.op(0xdb, reg, this.pick([0, 10]), off, this.pick([0, 1]));
        return;
      default:
        e.op(0x79, 0, reg, off);
        if (this.chance(0.1)) e.op(0x79, 0, 0, 0);
    }
  }

  /** A map value in r9. */
  value(maps: readonly number[]): void {
    const { e } = this;
    const map = this.pick(maps);
    if (map % 2 === 0 && map !== 4 && this.chance(0.7)) {
      e.op(0x18, 9, 6, 0, map);
      e.op(0, 0, 0, 0, 0);
      return;
    }
    e.op(0x18, 1, 5, 0, map);
    e.op(0);
    e.mov(2, 10);
    e.add(2, -8);
    e.helper(1);
    if (!this.err()) e.jump(0x15, 0, 0, 'end');
    e.mov(9, 0);
  }

  field(reg: number, off: number): void {
    const { e } = this;
    e.mov(reg, 9);
    e.add(reg, this.err() ? off + this.pick([8, 16, -8, 1]) : off);
    if (this.wrong > 0 && this.chance(0.005)) {
      e.op(0x79, 0, 10, -8);
      e.op(0x57, 0, 0, 0, 8);
      e.op(0x0f, reg, 0);
    }
  }

  /** A section with the lock of a map value. */
  locked(): void {
    const { e } = this;
    this.value([0, 1]);
    if (!this.err()) this.lock(true);
    const steps = 1 + Math.floor(this.r() * 4);
    for (let n = 0; n < steps; n++) this.inLock();
    if (this.err()) this.value([0, 1]);
    if (!this.err()) this.lock(false);
    [0, 1, 2].forEach((i) => {
      if (this.held[i] === 'borrowed') this.forget(i);
    });
    if (this.chance(0.03)) e.helper(5);
  }

  lock(takes: boolean): void {
    this.field(1, 0);
    this.e.helper(takes ? 93 : 94);
  }

  inLock(): void {
    const { e } = this;
    if (this.err()) return e.helper(this.pick([5, 7]));
    switch (Math.floor(this.r() * 12)) {
      case 0:
      case 1:
        return this.push();
      case 2:
        return this.pop();
      case 3:
        return this.peek();
      case 4:
      case 5:
        return this.insert();
      case 6:
      case 7:
        return this.walkTree();
      case 8:
        return this.acquire();
      case 9:
        return this.err() ? this.create() : this.access();
      case 10:
        if (this.err()) this.drop();
        return;
      default:
        return this.access();
    }
  }

  node(i: number, off: number | undefined): void {
    const { e } = this;
    e.mov(2, FIRST_OBJECT + i);
    e.add(2, this.err() ? this.pick([0, 8, 16, 24, 40]) : (off ?? 8));
  }

  push(): void {
    const i = this.find('own', (type) => type.list !== undefined);
    if (i < 0) return;
    const { e } = this;
    const fitting = LISTS.filter(([, name]) => name === this.kinds[i]);
    const [off] = fitting.length > 0 && !this.err() ? fitting[0]! : this.pick(LISTS);
    this.field(1, off);
    this.node(i, this.object(i).list);
    e.set(3, 0);
    e.set(4, 0);
    e.kfunc(this.pick(['bpf_list_push_front_impl', 'bpf_list_push_back_impl']));
    this.held[i] = 'borrowed';
  }

  /** What r0 may be is kept, or dropped after the section; null goes on. */
  take(name: ObjectName, off: number): void {
    const { e } = this;
    const skip = e.fresh();
    const i = [0, 1, 2].find((k) => this.kinds[k] === name && this.held[k] === 'none');
    if (i === undefined && !this.err()) {
      // No room: back it goes, or it leaks.
      return;
    }
    if (!this.err()) e.jump(0x15, 0, 0, skip);
    if (!this.err()) e.add(0, -off);
    e.mov(FIRST_OBJECT + (i ?? 0), 0);
    e.label(skip);
  }

  pop(): void {
    const [off, name] = this.pick(LISTS);
    const i = [0, 1, 2].find((k) => this.kinds[k] === name && this.held[k] === 'none');
    if (i === undefined && !this.err()) return;
    this.field(1, off);
    this.e.kfunc(this.pick(['bpf_list_pop_front', 'bpf_list_pop_back']));
    this.take(name, OBJECTS[name].list);
  }

  peek(): void {
    const { e } = this;
    const [off, name] = this.pick(LISTS);
    const type = OBJECTS[name];
    this.field(1, off);
    e.kfunc(this.pick(['bpf_list_front', 'bpf_list_back']));
    const skip = e.fresh();
    if (!this.err()) e.jump(0x15, 0, 0, skip);
    this.touch(0, type, type.list);
    e.label(skip);
  }

  insert(): void {
    const i = this.find('own', (type) => type.tree !== undefined);
    if (i < 0 || this.alone) return;
    const { e } = this;
    const fitting = TREES.filter(([, name]) => name === this.kinds[i]);
    const [off, name] = fitting.length > 0 && !this.err() ? fitting[0]! : this.pick(TREES);
    this.field(1, off);
    this.node(i, this.object(i).tree);
    const callback = `less_${name}`;
    this.functions.add(callback);
    e.address(3, callback);
    e.set(4, 0);
    e.set(5, 0);
    e.kfunc('bpf_rbtree_add_impl');
    this.held[i] = 'borrowed';
  }

  walkTree(): void {
    const { e } = this;
    const [off, name] = this.pick(TREES);
    const type = OBJECTS[name];
    const skip = e.fresh();
    this.field(1, off);
    e.kfunc(this.pick(['bpf_rbtree_first', 'bpf_rbtree_root']));
    if (!this.err()) e.jump(0x15, 0, 0, skip);
    if (this.chance(0.3)) {
      e.mov(2, 0);
      this.field(1, off);
      e.kfunc(this.pick(['bpf_rbtree_left', 'bpf_rbtree_right']));
      if (!this.err()) e.jump(0x15, 0, 0, skip);
    }
    if (this.chance(0.4)) this.touch(0, type, type.tree);
    else {
      const i = [0, 1, 2].find((k) => this.kinds[k] === name && this.held[k] === 'none');
      if (i !== undefined || this.err()) {
        e.mov(2, 0);
        this.field(1, off);
        e.kfunc('bpf_rbtree_remove');
        if (!this.err()) e.jump(0x15, 0, 0, skip);
        if (!this.err()) e.add(0, -type.tree);
        e.mov(FIRST_OBJECT + (i ?? 0), 0);
      }
    }
    e.label(skip);
  }

  /** Another reference to a counted object. */
  acquire(): void {
    const { e } = this;
    const from = [0, 1, 2].filter((i) => this.held[i] !== 'none' && this.object(i).counted === true);
    const i = from.length > 0 ? this.pick(from) : this.err() ? this.pick([0, 1, 2]) : -1;
    if (i < 0) return;
    const to = [0, 1, 2].find((k) => this.kinds[k] === this.kinds[i] && this.held[k] === 'none');
    if (to === undefined && !this.err()) return;
    e.mov(1, FIRST_OBJECT + i);
    if (this.err()) e.add(1, 8);
    e.set(2, 0);
    e.kfunc('bpf_refcount_acquire_impl');
    const skip = e.fresh();
    if (this.held[i] === 'borrowed' && !this.err()) e.jump(0x15, 0, 0, skip);
    if (to !== undefined) e.mov(FIRST_OBJECT + to, 0);
    e.label(skip);
    if (to !== undefined) this.held[to] = 'own';
  }

  exchange(): void {
    const { e } = this;
    this.value([2, 3, 4, 5]);
    const [off, name] = this.pick(KPTRS);
    const i = [0, 1, 2].find((k) => this.held[k] === 'own' && this.kinds[k] === name);
    this.field(1, off);
    if (i === undefined || this.chance(0.2)) {
      if (this.err()) e.mov(2, FIRST_OBJECT + this.pick([0, 1, 2]));
      else e.set(2, 0);
      e.helper(194);
    } else {
      e.mov(2, FIRST_OBJECT + i);
      if (this.err()) e.add(2, 8);
      e.helper(194);
      if (name === 'counters' && this.chance(0.3)) this.perCpu(FIRST_OBJECT + i);
      this.forget(i);
    }
    const skip = e.fresh();
    if (!this.err()) e.jump(0x15, 0, 0, skip);
    e.mov(1, 0);
    e.set(2, 0);
    if (this.err()) e.kfunc('bpf_obj_drop_impl');
    else if (name === 'task' || name === 'cpumask') e.kfunc(`bpf_${name}_release`);
    else this.dropCall(name === 'counters');
    e.label(skip);
  }

  perCpu(reg: number): void {
    const { e } = this;
    e.mov(1, reg);
    e.set(2, 0);
    e.helper(this.pick([153, 154]));
    if (this.chance(0.7)) {
      const skip = e.fresh();
      if (this.chance(0.8)) e.jump(0x15, 0, 0, skip);
      e.op(0x79, 0, 0, this.err() ? 16 : 0);
      e.label(skip);
    }
  }

  /** Reads a kptr of a map value. */
  load(sleepable: boolean): void {
    const { e } = this;
    this.value([2, 3, 4, 5]);
    const [off, name] = this.pick(KPTRS);
    const section = sleepable ? this.chance(0.6) : this.chance(0.2);
    if (section) e.kfunc('bpf_rcu_read_lock');
    e.op(this.err() ? this.pick([0x61, 0x71]) : 0x79, 1, 9, this.err() ? off + this.pick([4, 1]) : off);
    const skip = e.fresh();
    if (!this.err()) e.jump(0x15, 1, 0, skip);
    switch (Math.floor(this.r() * 4)) {
      case 0:
        if (name === 'counters') this.perCpu(1);
        else e.op(this.pick([0x79, 0x61]), 0, 1, this.pick([0, 8, 16, 32]));
        break;
      case 1:
        e.op(0x7a, 1, 0, 0, 5);
        break;
      case 2:
        if (name === 'task' || name === 'cpumask') {
          e.kfunc(name === 'task' ? 'bpf_task_acquire' : 'bpf_cpumask_acquire');
          if (name === 'task') e.jump(0x15, 0, 0, skip);
          e.mov(1, 0);
          e.kfunc(`bpf_${name}_release`);
        } else {
          e.set(2, 0);
          e.kfunc('bpf_refcount_acquire_impl');
          e.jump(0x15, 0, 0, skip);
          e.mov(1, 0);
          e.set(2, 0);
          e.kfunc('bpf_obj_drop_impl');
        }
        break;
      default:
        if (this.err()) e.op(this.pick([0x7b, 0x7a]), 9, 1, off);
    }
    e.label(skip);
    if (section && !this.err()) e.kfunc('bpf_rcu_read_unlock');
    if (this.chance(0.05)) e.op(0x79, 0, 1, 0);
  }

  /** Kptrs that anyone may write: objects of the kernel, or null. */
  untrusted(): void {
    const { e } = this;
    this.value([6]);
    switch (Math.floor(this.r() * 5)) {
      case 0:
        return e.op(0x7a, 9, 0, this.pick([0, 8, 16]), this.chance(0.8) ? 0 : 1);
      case 1:
      case 2:
        e.helper(158);
        return e.op(0x7b, 9, 0, this.pick([0, 0, 8, 16]));
      case 3: {
        e.op(0x79, 1, 9, this.pick([0, 8, 16]));
        const skip = e.fresh();
        if (this.chance(0.8)) e.jump(0x15, 1, 0, skip);
        e.op(0x79, 0, 1, this.pick([0, 8, 16, 24]));
        if (this.chance(0.3)) e.op(0x79, 0, 0, 0);
        if (this.chance(0.4)) e.op(0x7b, 9, 1, this.pick([0, 8, 16]));
        e.label(skip);
        return;
      }
      default: {
        this.field(1, this.pick([0, 8, 16]));
        e.set(2, 0);
        e.helper(194);
      }
    }
  }

  /** Objects in a field of an object. */
  inObject(): void {
    const { e } = this;
    const i = [0, 1, 2].find((k) => this.kinds[k] === 'holder' && this.held[k] === 'own');
    if (i === undefined && !this.err()) return;
    const [off, name] = this.pick([
      [8, 'counters'],
      [16, 'plain'],
      [24, 'task'],
      [32, 'rnode'],
    ] as const);
    e.mov(1, FIRST_OBJECT + (i ?? this.pick([0, 1, 2])));
    e.add(1, this.err() ? this.pick([0, 4, 12]) : off);
    const from = [0, 1, 2].find((k) => this.held[k] === 'own' && this.kinds[k] === name);
    if (from === undefined) e.set(2, 0);
    else e.mov(2, FIRST_OBJECT + from);
    e.helper(194);
    if (from !== undefined) this.forget(from);
    const skip = e.fresh();
    if (!this.err()) e.jump(0x15, 0, 0, skip);
    e.mov(1, 0);
    e.set(2, 0);
    if (name === 'task') e.kfunc('bpf_task_release');
    else this.dropCall(name === 'counters');
    e.label(skip);
  }

  /** The lock of an object, and the list and tree that it guards. */
  ownLock(): void {
    const { e } = this;
    const i = [0, 1, 2].find((k) => this.kinds[k] === 'owner' && this.held[k] === 'own');
    if (i === undefined && !this.err()) return;
    const owner = FIRST_OBJECT + (i ?? this.pick([0, 1, 2]));
    e.mov(1, owner);
    if (this.err()) e.add(1, 8);
    e.helper(93);
    const k = [0, 1, 2].find(
      (n) => this.held[n] === 'own' && (this.kinds[n] === 'lnode' || (!this.alone && this.kinds[n] === 'tnode')),
    );
    if (k !== undefined) {
      const isList = this.kinds[k] === 'lnode';
      e.mov(1, this.err() ? 9 : owner);
      e.add(1, isList ? 8 : 24);
      this.node(k, isList ? 8 : 0);
      if (!isList) {
        this.functions.add('less_tnode');
        e.address(3, 'less_tnode');
      } else e.set(3, 0);
      e.set(4, 0);
      e.set(5, 0);
      e.kfunc(isList ? 'bpf_list_push_back_impl' : 'bpf_rbtree_add_impl');
      this.held[k] = 'borrowed';
    } else {
      e.mov(1, owner);
      e.add(1, 8);
      e.kfunc('bpf_list_front');
    }
    if (!this.err()) {
      e.mov(1, owner);
      e.helper(94);
    }
    if (k !== undefined) this.forget(k);
  }

  /** Goes through a function that is called back, or that may throw. */
  indirect(): void {
    const { e } = this;
    switch (this.alone ? 3 : Math.floor(this.r() * 4)) {
      case 0: {
        this.functions.add('step');
        e.set(1, this.pick([0, 1, 5]));
        e.address(2, 'step');
        e.mov(3, this.err() ? FIRST_OBJECT : 10);
        e.set(4, 0);
        return e.helper(181);
      }
      case 1:
      case 2: {
        const name = this.pick(['thrower', 'global_thrower']);
        this.functions.add(name);
        e.op(0x79, 1, 10, -8);
        return e.call(name);
      }
      default: {
        const skip = e.fresh();
        e.op(0x79, 0, 10, -8);
        if (this.chance(0.9)) e.jump(0x15, 0, 0, skip);
        if (this.chance(0.5)) e.set(1, this.pick([0, 1, 2, 77]));
        else e.op(0x79, 1, 10, -8);
        e.kfunc('bpf_throw');
        e.label(skip);
        return;
      }
    }
  }

  step(sleepable: boolean): void {
    switch (Math.floor(this.r() * 18)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.create();
      case 4:
        return this.drop();
      case 5:
        return this.access();
      case 6:
      case 7:
      case 8:
        return this.locked();
      case 9:
        return this.acquire();
      case 10:
      case 11:
        return this.exchange();
      case 12:
        return this.load(sleepable);
      case 13:
        return this.untrusted();
      case 14:
        return this.inObject();
      case 15:
        return this.ownLock();
      case 16:
        return this.chance(0.4) ? this.indirect() : undefined;
      default: {
        const i = [0, 1, 2].find((k) => this.kinds[k] === 'counters' && this.held[k] !== 'none');
        if (i !== undefined) this.perCpu(FIRST_OBJECT + i);
      }
    }
  }

  end(): void {
    const { e } = this;
    e.label('end');
    for (let i = 0; i < 3; i++) {
      if (this.err()) continue;
      const skip = e.fresh();
      e.jump(0x15, FIRST_OBJECT + i, 0, skip);
      e.mov(1, FIRST_OBJECT + i);
      e.set(2, 0);
      e.kfunc(this.object(i).perCpu === true ? 'bpf_percpu_obj_drop_impl' : 'bpf_obj_drop_impl');
      e.label(skip);
    }
    e.set(0, 0);
    e.op(0x95);
  }
}
