export { BpfError, formatError, formatPlace, isBpfError } from './bpf-error.ts';
export type { ErrorDetails, ErrorPlace } from './bpf-error.ts';
export { ERROR_CODES } from './codes.ts';
export type { ErrorCode } from './codes.ts';
