/**
 * A packet that programs may grow and shrink: a buffer with room before and behind, positions of headers in it. Its bytes
 * are one guest region that ends where the packet ends, so that a load behind `data_end` faults.
 */
import { type Memory, PACKET_REGION } from '@polybpf/interpreter';
import { BpfError } from '@polybpf/errors';

/** What {@link createPacketBuffer} takes. */
export interface PacketBufferInit {
  readonly packet: Uint8Array;
  /** Free bytes before the packet. */
  readonly headroom: number;
  /** Free bytes behind. */
  readonly tailroom: number;
  /** Bytes at the end of the headroom that are metadata. */
  readonly metadata?: Uint8Array;
  /** Called after each change, to bring the context up to date. */
  readonly onChange?: (packet: PacketBuffer) => void;
}

/** VLAN tag beside the packet, as network cards deliver it. Protocol as in the header, 0x8100 or 0x88a8. */
export interface VlanTag {
  readonly protocol: number;
  readonly tci: number;
}

/** See the file's head. All positions are offsets into the guest region. */
export class PacketBuffer {
  readonly memory: Memory;
  /** The whole buffer. */
  bytes: Uint8Array;
  /** First byte of metadata; `data` when there is none. */
  meta: number;
  data: number;
  end: number;
  /** Of the link header; -1 when not set. */
  mac = -1;
  network = -1;
  transport = -1;
  /** EtherType as a number, e.g. 0x0800. */
  protocol = 0;
  vlan: VlanTag | undefined;
  hash = 0;
  /** Outer headers were put around it (`skb->encapsulation`). */
  encapsulated = false;
  readonly #onChange: ((packet: PacketBuffer) => void) | undefined;

  constructor(memory: Memory, init: PacketBufferInit) {
    const { packet, headroom, tailroom, metadata } = init;
    this.memory = memory;
    this.bytes = memory.allocate(headroom + packet.length + tailroom);
    this.bytes.set(packet, headroom);
    this.data = headroom;
    this.end = headroom + packet.length;
    this.meta = headroom - (metadata?.length ?? 0);
    if (this.meta < 0) {
      throw new BpfError('E_INPUT', 'metadata of the packet', { expected: `at most ${headroom} bytes`, got: `${metadata!.length} bytes` }); // prettier-ignore
    }
    if (metadata !== undefined) this.bytes.set(metadata, this.meta);
    this.#onChange = init.onChange;
  }

  /** Bytes from `data` to `end`. */
  get length(): number {
    return this.end - this.data;
  }

  /** Guest address of a position. */
  addressOf(position: number): bigint {
    return this.memory.addressOf(PACKET_REGION, position);
  }

  /** The packet as a view. */
  get contents(): Uint8Array {
    return this.bytes.subarray(this.data, this.end);
  }

  /** Makes memory and context agree with the positions. */
  sync(): void {
    this.memory.add({
      number: PACKET_REGION,
      name: 'packet',
      kind: 'packet',
      data: this.bytes.subarray(0, this.end),
    });
    this.#onChange?.(this);
  }

  /** Makes sure that there are `head` bytes before `data` and `tail` behind `end`; positions may change. */
  reserve(head: number, tail: number): void {
    const before = Math.max(0, head - this.data);
    const behind = Math.max(0, tail - (this.bytes.length - this.end));
    if (before === 0 && behind === 0) return;
    const bytes = this.memory.allocate(this.bytes.length + before + behind);
    bytes.set(this.bytes, before);
    this.release();
    this.bytes = bytes;
    this.meta += before;
    this.data += before;
    this.end += before;
    if (this.mac >= 0) this.mac += before;
    if (this.network >= 0) this.network += before;
    if (this.transport >= 0) this.transport += before;
  }

  /** Gives the bytes back, where they are not the garbage collector's. */
  release(): void {
    this.memory.arena?.release(this.bytes);
  }

  /** Copy of `length` bytes at `offset` from `data`; undefined when they are not all there. */
  slice(offset: number, length: number): Uint8Array | undefined {
    const at = this.data + offset;
    if (at < 0 || length < 0 || at + length > this.end) return undefined;
    return this.bytes.slice(at, at + length);
  }

  /** The network header as seen by helpers that read it, from its position to the end. */
  get networkHeader(): Uint8Array {
    return this.bytes.subarray(Math.max(0, this.network), this.end);
  }
}
