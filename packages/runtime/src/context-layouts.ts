/**
 * Contexts that are structs of include/uapi/linux/bpf.h: offsets and sizes of their fields. A native test compares them
 * with the kernel's own BTF.
 */
import { BpfError } from '@polybpf/errors';
import type { Endian } from '@polybpf/isa';
import { fitInteger, writeInteger } from './byte-order.ts';

/** A field: offset, bytes of one element, number of elements. */
export interface StructField {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

/** A struct by its fields. */
export interface StructLayout {
  readonly name: string;
  readonly size: number;
  readonly fields: Readonly<Record<string, StructField>>;
}

/** `field:bytes`, `field:bytes*count`, `-bytes` for a hole; fields follow each other, aligned to their size. */
function layout(name: string, text: string): StructLayout {
  const fields: Record<string, StructField> = {};
  let offset = 0;
  let align = 1;
  for (const word of text.split(' ')) {
    const [, field, size, count = '1'] = /^([a-z_0-9]+):(\d+)(?:\*(\d+))?$/.exec(word) ?? [];
    if (field === undefined) throw new Error(`BUG: layout of ${name}: ${word}`);
    const bytes = Number(size);
    offset = Math.ceil(offset / bytes) * bytes;
    fields[field] = { offset, size: bytes, count: Number(count) };
    offset += bytes * Number(count);
    align = Math.max(align, bytes);
  }
  return { name, size: Math.ceil(offset / align) * align, fields };
}

/** Contexts by struct name. */
export const CONTEXT_STRUCTS: Readonly<Record<ContextStruct, StructLayout>> = {
  __sk_buff: /* @__PURE__ */ layout(
    '__sk_buff',
    'len:4 pkt_type:4 mark:4 queue_mapping:4 protocol:4 vlan_present:4 vlan_tci:4 vlan_proto:4 priority:4 ingress_ifindex:4 ifindex:4 tc_index:4 cb:4*5 hash:4 tc_classid:4 data:4 data_end:4 napi_id:4 family:4 remote_ip4:4 local_ip4:4 remote_ip6:4*4 local_ip6:4*4 remote_port:4 local_port:4 data_meta:4 flow_keys:8 tstamp:8 wire_len:4 gso_segs:4 sk:8 gso_size:4 tstamp_type:1 hwtstamp:8',
  ),
  xdp_md: /* @__PURE__ */ layout(
    'xdp_md',
    'data:4 data_end:4 data_meta:4 ingress_ifindex:4 rx_queue_index:4 egress_ifindex:4',
  ),
  bpf_sock: /* @__PURE__ */ layout(
    'bpf_sock',
    'bound_dev_if:4 family:4 type:4 protocol:4 mark:4 priority:4 src_ip4:4 src_ip6:4*4 src_port:4 dst_port:2 dst_ip4:4 dst_ip6:4*4 state:4 rx_queue_mapping:4',
  ),
  bpf_sock_addr: /* @__PURE__ */ layout(
    'bpf_sock_addr',
    'user_family:4 user_ip4:4 user_ip6:4*4 user_port:4 family:4 type:4 protocol:4 msg_src_ip4:4 msg_src_ip6:4*4 sk:8',
  ),
  bpf_sock_ops: /* @__PURE__ */ layout(
    'bpf_sock_ops',
    'op:4 args:4*4 family:4 remote_ip4:4 local_ip4:4 remote_ip6:4*4 local_ip6:4*4 remote_port:4 local_port:4 is_fullsock:4 snd_cwnd:4 srtt_us:4 bpf_sock_ops_cb_flags:4 state:4 rtt_min:4 snd_ssthresh:4 rcv_nxt:4 snd_nxt:4 snd_una:4 mss_cache:4 ecn_flags:4 rate_delivered:4 rate_interval_us:4 packets_out:4 retrans_out:4 total_retrans:4 segs_in:4 data_segs_in:4 segs_out:4 data_segs_out:4 lost_out:4 sacked_out:4 sk_txhash:4 bytes_received:8 bytes_acked:8 sk:8 skb_data:8 skb_data_end:8 skb_len:4 skb_tcp_flags:4 skb_hwtstamp:8',
  ),
  bpf_cgroup_dev_ctx: /* @__PURE__ */ layout('bpf_cgroup_dev_ctx', 'access_type:4 major:4 minor:4'),
  bpf_sysctl: /* @__PURE__ */ layout('bpf_sysctl', 'write:4 file_pos:4'),
  bpf_sockopt: /* @__PURE__ */ layout('bpf_sockopt', 'sk:8 optval:8 optval_end:8 level:4 optname:4 optlen:4 retval:4'),
  sk_msg_md: /* @__PURE__ */ layout(
    'sk_msg_md',
    'data:8 data_end:8 family:4 remote_ip4:4 local_ip4:4 remote_ip6:4*4 local_ip6:4*4 remote_port:4 local_port:4 size:4 sk:8',
  ),
  sk_reuseport_md: /* @__PURE__ */ layout(
    'sk_reuseport_md',
    'data:8 data_end:8 len:4 eth_protocol:4 ip_protocol:4 bind_inany:4 hash:4 sk:8 migrating_sk:8',
  ),
  bpf_sk_lookup: /* @__PURE__ */ layout(
    'bpf_sk_lookup',
    'cookie:8 family:4 protocol:4 remote_ip4:4 remote_ip6:4*4 remote_port:2 local_ip4:4 local_ip6:4*4 local_port:4 ingress_ifindex:4',
  ),
  bpf_flow_keys: /* @__PURE__ */ layout(
    'bpf_flow_keys',
    'nhoff:2 thoff:2 addr_proto:2 is_frag:1 is_first_frag:1 is_encap:1 ip_proto:1 n_proto:2 sport:2 dport:2 ipv6_src:4*4 ipv6_dst:4*4 flags:4 flow_label:4',
  ),
};

/** Name of a struct in {@link CONTEXT_STRUCTS}. */
// prettier-ignore
export type ContextStruct = '__sk_buff' | 'xdp_md' | 'bpf_sock' | 'bpf_sock_addr' | 'bpf_sock_ops' | 'bpf_cgroup_dev_ctx' | 'bpf_sysctl' | 'bpf_sockopt' | 'sk_msg_md' | 'sk_reuseport_md' | 'bpf_sk_lookup' | 'bpf_flow_keys';

/** Offsets that helpers use. */
export const SKB_FIELDS = { len: 0, pkt_type: 4, protocol: 16, vlan_present: 20, vlan_tci: 24, vlan_proto: 28, hash: 68, data: 76, data_end: 80, data_meta: 140, tstamp: 152, tstamp_type: 180 } as const; // prettier-ignore
export const SOCK_OPS_FIELDS = { bpf_sock_ops_cb_flags: 84 } as const;

/** Value of a field: a number, or numbers of an array. */
export type FieldValue = number | bigint | readonly (number | bigint)[];

/**
 * Bytes of a struct with the given fields, zeros elsewhere.
 *
 * @throws BpfError `E_INPUT` for a name that the struct has not, or too many elements
 */
export function encodeStruct(
  struct: StructLayout,
  values: Readonly<Record<string, FieldValue | undefined>>,
  endian: Endian,
): Uint8Array {
  const bytes = new Uint8Array(struct.size);
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const field = struct.fields[name];
    const list = typeof value === 'object' ? value : [value];
    if (field === undefined || list.length > field.count) {
      throw new BpfError('E_INPUT', `field ${name} of ${struct.name}`, {
        expected: field === undefined ? Object.keys(struct.fields).join(', ') : `at most ${field.count} elements`,
        got: field === undefined ? name : `${list.length} elements`,
      });
    }
    list.forEach((element, k) => {
      const fit = fitInteger(element, field.size, `field ${name} of ${struct.name}`);
      writeInteger(bytes, field.offset + k * field.size, field.size, fit, endian);
    });
  }
  return bytes;
}
