/** Fields of the sockets that programs may load (net/core/filter.c: bpf_sock_is_valid_access and its siblings). */
import { PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_XDP_SOCK } from './register-types.ts';

const SOCK_SIZE = 80;
const TCP_SOCK_SIZE = 116;
const XDP_SOCK_SIZE = 4;

/** Whether a load of `size` bytes at `off` is allowed. */
export function socketAccess(type: number, off: number, size: number): boolean {
  switch (type) {
    case PTR_TO_SOCK_COMMON:
      // Type, protocol, mark and priority are only there in full sockets.
      return !(off >= 8 && off < 24) && sockAccess(off, size);
    case PTR_TO_SOCKET:
      return sockAccess(off, size);
    case PTR_TO_TCP_SOCK:
      if (off < 0 || off >= TCP_SOCK_SIZE || off % size !== 0) return false;
      return off === 88 || off === 96 ? size === 8 : size === 4;
    case PTR_TO_XDP_SOCK:
      return off >= 0 && off < XDP_SOCK_SIZE && size === 4 && off % size === 0;
    default:
      return false;
  }
}

/**
 * struct bpf_sock: bound_dev_if 0, family 4, type 8, protocol 12, mark 16, priority 20, src_ip4 24, src_ip6 28-43,
 * src_port 44, dst_port 48 (be16, then padding), dst_ip4 52, dst_ip6 56-71, state 72, rx_queue_mapping 76.
 */
function sockAccess(off: number, size: number): boolean {
  if (off < 0 || off >= SOCK_SIZE || off % size !== 0) return false;
  const inRange = (from: number, to: number): boolean => off >= from && off < to;
  if (off === 4 || off === 8 || off === 12 || off === 48 || off === 44 || off === 76) return narrowOk(off, size);
  if (inRange(24, 28) || inRange(28, 44) || inRange(52, 56) || inRange(56, 72)) return size <= 4;
  if (off === 50) return size === 2;
  return size === 4;
}

/** Fields of 4 bytes that may be loaded in part, from their start. */
function narrowOk(_off: number, size: number): boolean {
  return size <= 4;
}
