/**
 * The lists by which LRU maps choose whom to evict (kernel/bpf/bpf_lru_list.c). Exact for operations that come one after
 * the other, on any CPU; the kernel's own order differs only where CPUs race.
 *
 * Without `BPF_F_NO_COMMON_LRU` there is one set of lists, active, inactive and free, and each CPU takes batches of free
 * nodes to a list of its own and keeps those it has just given out on a pending list. With the flag each CPU has its own
 * three lists.
 */

const ACTIVE = 0;
const INACTIVE = 1;
const FREE = 2;
const LOCAL_FREE = 3;
const PENDING = 4;

/** LOCAL_FREE_TARGET and LOCAL_NR_SCANS, PERCPU_FREE_TARGET and PERCPU_NR_SCANS. */
const LOCAL_TARGET = 128;
const PER_CPU_TARGET = 4;

/** The state of all lists as plain data. */
export interface LruState {
  /** Nodes of each list, first to last. */
  readonly lists: readonly (readonly number[])[];
  /** Nodes that were used since they were looked at last. */
  readonly referenced: readonly number[];
  /** CPU of each node. */
  readonly cpus: readonly number[];
  /** Where the scan of each inactive list goes on: a node, or -1 for the head of the list. */
  readonly rotation: readonly number[];
  /** CPU that each CPU steals from next. */
  readonly steal: readonly number[];
}

export class LruLists {
  readonly #nodes: number;
  readonly #cpus: number;
  readonly #own: boolean;
  readonly #target: number;
  readonly #scans: number;
  readonly #evict: (node: number) => boolean;
  // Circular lists; node `#nodes + L` is the head of list L.
  readonly #prev: Int32Array;
  readonly #next: Int32Array;
  readonly #type: Uint8Array;
  readonly #ref: Uint8Array;
  readonly #cpu: Uint16Array;
  /** Lengths of the active and inactive lists: of set s at 2 s and 2 s + 1. */
  readonly #counts: Int32Array;
  /** Kernel: `next_inactive_rotation` of each set. */
  readonly #rotation: Int32Array;
  readonly #steal: Int32Array;

  /**
   * @param nodes - number of elements
   * @param ownLists - `BPF_F_NO_COMMON_LRU`
   * @param evict - takes a node out of its hash table; false when it is not in it
   */
  constructor(nodes: number, cpus: number, ownLists: boolean, evict: (node: number) => boolean) {
    const sets = ownLists ? cpus : 1;
    const lists = ownLists ? 3 * cpus : 3 + 2 * cpus;
    this.#nodes = nodes;
    this.#cpus = cpus;
    this.#own = ownLists;
    this.#scans = ownLists ? PER_CPU_TARGET : LOCAL_TARGET;
    this.#target = ownLists
      ? PER_CPU_TARGET
      : Math.min(LOCAL_TARGET, Math.max(1, Math.floor(Math.floor(nodes / cpus) / 2)));
    this.#evict = evict;
    this.#prev = new Int32Array(nodes + lists);
    this.#next = new Int32Array(nodes + lists);
    this.#type = new Uint8Array(nodes).fill(FREE);
    this.#ref = new Uint8Array(nodes);
    this.#cpu = new Uint16Array(nodes);
    this.#counts = new Int32Array(2 * sets);
    this.#rotation = new Int32Array(sets);
    this.#steal = new Int32Array(cpus);
    this.reset();
  }

  /** All nodes free, as after creation. */
  reset(): void {
    for (let head = this.#nodes; head < this.#prev.length; head++) this.#prev[head] = this.#next[head] = head;
    this.#type.fill(FREE);
    this.#ref.fill(0);
    this.#counts.fill(0);
    for (let set = 0; set < this.#rotation.length; set++) this.#rotation[set] = this.#head(set, INACTIVE);
    for (let cpu = 0; cpu < this.#cpus; cpu++) this.#steal[cpu] = cpu;
    const perSet = Math.max(1, Math.floor(this.#nodes / this.#rotation.length));
    for (let node = 0; node < this.#nodes; node++) {
      const set = Math.min(this.#rotation.length - 1, Math.floor(node / perSet));
      this.#cpu[node] = this.#own ? set : 0;
      this.#insert(node, this.#head(set, FREE));
    }
  }

  /** Marks a node as used. */
  touch(node: number): void {
    this.#ref[node] = 1;
  }

  /** Takes a free node, evicting if there is none; -1 when even that gives none. */
  pop(cpu: number): number {
    return this.#own ? this.#popOwn(cpu) : this.#popShared(cpu);
  }

  /** Gives a node back. */
  push(node: number): void {
    const type = this.#type[node]!;
    if (!this.#own && type === PENDING) {
      this.#type[node] = LOCAL_FREE;
      this.#ref[node] = 0;
      this.#move(node, this.#localHead(this.#cpu[node]!, LOCAL_FREE));
      return;
    }
    if (type === FREE || type === LOCAL_FREE) return;
    this.#shift(this.#own ? this.#cpu[node]! : 0, node, FREE);
  }

  save(): LruState {
    const lists: number[][] = [];
    for (let head = this.#nodes; head < this.#next.length; head++) {
      const list: number[] = [];
      for (let node = this.#next[head]!; node !== head; node = this.#next[node]!) list.push(node);
      lists.push(list);
    }
    return {
      lists,
      referenced: Array.from(this.#ref.keys()).filter((node) => this.#ref[node] === 1),
      cpus: Array.from(this.#cpu),
      rotation: Array.from(this.#rotation, (node) => (node >= this.#nodes ? -1 : node)),
      steal: Array.from(this.#steal),
    };
  }

  load(state: LruState): void {
    this.reset();
    for (let head = this.#nodes; head < this.#prev.length; head++) this.#prev[head] = this.#next[head] = head;
    state.lists.forEach((list, index) => {
      const kind = this.#own ? index % 3 : index < 3 ? index : LOCAL_FREE + ((index - 3) & 1);
      const set = this.#own ? Math.floor(index / 3) : 0;
      for (const node of list) {
        this.#type[node] = kind;
        this.#insertBefore(node, this.#nodes + index);
        if (kind < FREE) this.#counts[2 * set + kind]!++;
      }
    });
    for (const node of state.referenced) this.#ref[node] = 1;
    this.#cpu.set(state.cpus);
    this.#steal.set(state.steal);
    state.rotation.forEach((node, set) => (this.#rotation[set] = node < 0 ? this.#head(set, INACTIVE) : node));
  }

  #head(set: number, list: number): number {
    return this.#nodes + 3 * set + list;
  }

  #localHead(cpu: number, list: number): number {
    return this.#nodes + 3 + 2 * cpu + (list - LOCAL_FREE);
  }

  #isEmpty(head: number): boolean {
    return this.#next[head] === head;
  }

  #insert(node: number, head: number): void {
    const first = this.#next[head]!;
    this.#next[head] = node;
    this.#prev[node] = head;
    this.#next[node] = first;
    this.#prev[first] = node;
  }

  #insertBefore(node: number, head: number): void {
    this.#insert(node, this.#prev[head]!);
  }

  #unlink(node: number): void {
    const before = this.#prev[node]!;
    const after = this.#next[node]!;
    this.#next[before] = after;
    this.#prev[after] = before;
  }

  #move(node: number, head: number): void {
    this.#unlink(node);
    this.#insert(node, head);
  }

  /** Kernel: the part of moving that keeps the place of the inactive scan. */
  #keepRotation(set: number, node: number): void {
    if (this.#rotation[set] === node) this.#rotation[set] = this.#prev[node]!;
  }

  /** Kernel: `__bpf_lru_node_move`: between the lists of one set. */
  #shift(set: number, node: number, list: number): void {
    const from = this.#type[node]!;
    if (from !== list) {
      if (from < FREE) this.#counts[2 * set + from]!--;
      if (list < FREE) this.#counts[2 * set + list]!++;
      this.#type[node] = list;
    }
    this.#ref[node] = 0;
    this.#keepRotation(set, node);
    this.#move(node, this.#head(set, list));
  }

  /** Kernel: `__bpf_lru_node_move_to_free`. */
  #release(set: number, node: number, head: number, type: number): void {
    this.#keepRotation(set, node);
    const from = this.#type[node]!;
    if (from < FREE) this.#counts[2 * set + from]!--;
    this.#type[node] = type;
    this.#move(node, head);
  }

  #rotate(set: number): void {
    if (this.#counts[2 * set + INACTIVE]! < this.#counts[2 * set + ACTIVE]!) this.#rotateActive(set);
    this.#rotateInactive(set);
  }

  #rotateActive(set: number): void {
    const head = this.#head(set, ACTIVE);
    const first = this.#next[head]!;
    let seen = 0;
    for (let node = this.#prev[head]!; node !== head;) {
      const before = this.#prev[node]!;
      this.#shift(set, node, this.#ref[node] === 1 ? ACTIVE : INACTIVE);
      if (++seen === this.#scans || node === first) return;
      node = before;
    }
  }

  #rotateInactive(set: number): void {
    const head = this.#head(set, INACTIVE);
    if (this.#isEmpty(head)) return;
    let last = this.#next[this.#rotation[set]!]!;
    if (last === head) last = this.#next[last]!;
    let at = this.#rotation[set]!;
    let next = head;
    for (let seen = 0; seen < this.#scans;) {
      if (at === head) {
        at = this.#prev[at]!;
        continue;
      }
      next = this.#prev[at]!;
      if (this.#ref[at] === 1) this.#shift(set, at, ACTIVE);
      if (at === last) break;
      at = next;
      seen++;
    }
    this.#rotation[set] = next;
  }

  #shrinkInactive(set: number, wanted: number, freeHead: number, freeType: number): number {
    const head = this.#head(set, INACTIVE);
    let shrunk = 0;
    let seen = 0;
    for (let node = this.#prev[head]!; node !== head;) {
      const before = this.#prev[node]!;
      if (this.#ref[node] === 1) this.#shift(set, node, ACTIVE);
      else if (this.#evict(node)) {
        this.#release(set, node, freeHead, freeType);
        if (++shrunk === wanted) break;
      }
      if (++seen === this.#scans) break;
      node = before;
    }
    return shrunk;
  }

  /** Kernel: `__bpf_lru_list_shrink`: if all have been used, one goes nevertheless. */
  #shrink(set: number, wanted: number, freeHead: number, freeType: number): void {
    if (this.#shrinkInactive(set, wanted, freeHead, freeType) > 0) return;
    const inactive = this.#head(set, INACTIVE);
    const head = this.#isEmpty(inactive) ? this.#head(set, ACTIVE) : inactive;
    for (let node = this.#prev[head]!; node !== head; node = this.#prev[node]!) {
      if (!this.#evict(node)) continue;
      this.#release(set, node, freeHead, freeType);
      return;
    }
  }

  #popOwn(cpu: number): number {
    const free = this.#head(cpu, FREE);
    this.#rotate(cpu);
    if (this.#isEmpty(free)) this.#shrink(cpu, PER_CPU_TARGET, free, FREE);
    if (this.#isEmpty(free)) return -1;
    const node = this.#next[free]!;
    this.#shift(cpu, node, INACTIVE);
    return node;
  }

  #popShared(cpu: number): number {
    let node = this.#popLocal(cpu);
    if (node < 0) {
      this.#refill(cpu);
      node = this.#popLocal(cpu);
    }
    if (node < 0) node = this.#stealNode(cpu);
    if (node < 0) return -1;
    this.#cpu[node] = cpu;
    this.#type[node] = PENDING;
    this.#ref[node] = 0;
    this.#insert(node, this.#localHead(cpu, PENDING));
    return node;
  }

  #popLocal(cpu: number): number {
    const head = this.#localHead(cpu, LOCAL_FREE);
    if (this.#isEmpty(head)) return -1;
    const node = this.#next[head]!;
    this.#unlink(node);
    return node;
  }

  /** Kernel: `bpf_lru_list_pop_free_to_local`. */
  #refill(cpu: number): void {
    const pending = this.#localHead(cpu, PENDING);
    for (let node = this.#prev[pending]!; node !== pending;) {
      const before = this.#prev[node]!;
      const list = this.#ref[node] === 1 ? ACTIVE : INACTIVE;
      this.#counts[list]!++;
      this.#type[node] = list;
      this.#ref[node] = 0;
      this.#move(node, this.#head(0, list));
      node = before;
    }
    this.#rotate(0);
    const free = this.#head(0, FREE);
    const local = this.#localHead(cpu, LOCAL_FREE);
    let taken = 0;
    while (taken < this.#target && !this.#isEmpty(free)) {
      this.#release(0, this.#next[free]!, local, LOCAL_FREE);
      taken++;
    }
    if (taken < this.#target) this.#shrink(0, this.#target - taken, local, LOCAL_FREE);
  }

  #stealNode(cpu: number): number {
    const first = this.#steal[cpu]!;
    let from = first;
    let node = -1;
    do {
      node = this.#popLocal(from);
      if (node < 0) node = this.#popPending(from);
      from = (from + 1) % this.#cpus;
    } while (node < 0 && from !== first);
    this.#steal[cpu] = from;
    return node;
  }

  #popPending(cpu: number): number {
    const head = this.#localHead(cpu, PENDING);
    for (const force of [false, true]) {
      for (let node = this.#prev[head]!; node !== head; node = this.#prev[node]!) {
        if ((force || this.#ref[node] === 0) && this.#evict(node)) {
          this.#unlink(node);
          return node;
        }
      }
    }
    return -1;
  }
}
